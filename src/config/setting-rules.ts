import { parseSocketAddress } from "../core/address";

/** Rules on how settings go together. Each gives its mistakes, none when all is well. */

/** Both or neither of two files that are of use only together. */
export function together(first: readonly [name: string, value: string], second: typeof first): string[] {
  if ((first[1] === "") === (second[1] === "")) return [];
  const [given, missing] = first[1] === "" ? [second, first] : [first, second];
  return [`${given[0]} is set, so ${missing[0]} must be too`];
}

/** The first is of no use without the second. */
export function needs(first: readonly [name: string, value: string], second: typeof first): string[] {
  return first[1] !== "" && second[1] === "" ? [`${first[0]} is set, so ${second[0]} must be too`] : [];
}

/** Whoever listens at every interface has to say which address others shall dial. */
export function namesDialableAddress(
  listen: readonly [name: string, address: string],
  advertise: readonly [name: string, address: string],
): string[] {
  const address = parseSocketAddress(listen[1], listen[0]);
  if (advertise[1] !== "" || "path" in address || !/^[0:.]+$/.test(address.host)) return [];
  return [
    `${listen[0]} is "${listen[1]}", which is every interface and cannot be dialled; set ${advertise[0]} to the host:port by which others reach this process`,
  ];
}
