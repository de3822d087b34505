/** Methods that every Buffer has and the type declarations of Node 20 leave out; they skip the look-up of the encoding by name. */
interface Latin1Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number): number;
}

/** One character per octet. */
export function readLatin1(buffer: Uint8Array, start: number, end: number): string {
  return (buffer as unknown as Latin1Buffer).latin1Slice(start, end);
}

/** One octet per character; returns how many. There must be room. */
export function writeLatin1(buffer: Uint8Array, text: string, offset: number): number {
  return (buffer as unknown as Latin1Buffer).latin1Write(text, offset);
}
