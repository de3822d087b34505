import { isThenable } from "../../core/thenable";

/** What an interceptor of a stream returned: an `async` one has only the promise of it. */
export function iterableOf(answer: unknown): unknown {
  return isThenable(answer) ? promisedStream(answer as PromiseLike<AsyncIterable<unknown>>) : answer;
}

/** A rejection that an interceptor does not look at must not end the process. */
export function heard(answer: unknown): unknown {
  if (isThenable(answer)) answer.then(undefined, () => {});
  return answer;
}

/** No generator, because one that was left before it was read would never tell the stream. */
function promisedStream(answer: PromiseLike<AsyncIterable<unknown>>): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const promised = Promise.resolve(answer).then((stream) => stream[Symbol.asyncIterator]());
      heard(promised);
      return {
        next: async () => (await promised).next(),
        return: async () => {
          const iterator = await promised;
          return (await iterator.return?.()) ?? { value: undefined, done: true };
        },
      };
    },
  };
}
