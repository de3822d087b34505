/** Beyond this a JSON text is not waited for: a message may have 4 MiB unless settings say otherwise. */
const TEXT_MAX = 64 * 1024 * 1024;

/**
 * JSON texts one after the other, as they come in: on lines of their own, over several lines, or joined. A text ends with its bracket, or,
 * when it has none, with its line.
 * @throws Error when one is longer than 64 Mi characters
 */
export async function* jsonTexts(input: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  let text = "";
  let depth = 0;
  let [isString, isEscaped] = [false, false];
  for await (const chunk of input) {
    let begin = 0;
    for (let index = 0; index < chunk.length; index += 1) {
      const character = chunk[index]!;
      if (isString) {
        if (isEscaped) isEscaped = false;
        else if (character === "\\") isEscaped = true;
        else if (character === '"') isString = false;
        continue;
      }
      if (character === '"') isString = true;
      else if (character === "{" || character === "[") depth += 1;
      const closes = character === "}" || character === "]";
      if (closes) depth -= 1;
      if (depth > 0 || !(closes || character === "\n")) continue;
      depth = 0;
      text += chunk.slice(begin, index + 1);
      begin = index + 1;
      if (text.trim() !== "") yield text.trim();
      text = "";
    }
    text += chunk.slice(begin);
    if (text.length > TEXT_MAX) throw new Error(`a JSON text goes on for more than ${TEXT_MAX} characters`);
  }
  if (text.trim() !== "") yield text.trim();
}
