import type { Logger } from "../../core/logger";
import type { DescriptorCatalog } from "../../wire/descriptor-catalog";
import type { JsonCodecs } from "../../wire/json-codec";
import { ANNOTATIONS_FILE, httpBindingsOf, type HttpBinding } from "./http-bindings";
import { RouteTrie, type Found } from "./route-trie";

/** Complaints that are remembered, so that they are logged once. More contracts than that in the life of a director log theirs again. */
const NOTED_MAX = 1_000;

/**
 * The routes that the contracts of the workers' services declare, made anew at the first request after they changed. Where two services declare
 * the same route, the first by name has it, for as long as it is there.
 */
export class RuleTable {
  readonly #catalog: DescriptorCatalog;
  readonly #codecs: JsonCodecs;
  readonly #logger: Logger;
  readonly #noted = new Set<string>();
  #routes = new RouteTrie<HttpBinding>();
  #bindings: readonly HttpBinding[] = [];
  #version = -1;

  constructor(catalog: DescriptorCatalog, codecs: JsonCodecs, logger: Logger) {
    this.#catalog = catalog;
    this.#codecs = codecs;
    this.#logger = logger;
  }

  /** Those that count, by service and in the order of its contract. */
  get bindings(): readonly HttpBinding[] {
    this.#follow();
    return this.#bindings;
  }

  /** @param path - as it is in the URL, without the query */
  find(httpMethod: string, path: string): Found<HttpBinding> | undefined {
    this.#follow();
    return this.#bindings.length === 0 ? undefined : this.#routes.find(httpMethod, path);
  }

  #follow(): void {
    if (this.#version === this.#catalog.version) return;
    this.#version = this.#catalog.version;
    const routes = new RouteTrie<HttpBinding>();
    this.#bindings = this.#declared().filter((binding) => {
      const before = routes.add(binding.httpMethod, binding.template, binding);
      if (before !== undefined) {
        const route = `${binding.httpMethod} ${binding.path}`;
        this.#note(`${binding.method.path} is not at ${route}: ${before.method.path} is`);
      }
      return before === undefined;
    });
    this.#routes = routes;
  }

  #declared(): readonly HttpBinding[] {
    const paths = this.#catalog.serviceNames().flatMap((service) => {
      return this.#catalog.methodNames(service).map((name) => `/${service}/${name}`);
    });
    return paths.flatMap((path) => {
      if (this.#catalog.setOf(path)?.files.has(ANNOTATIONS_FILE) !== true) return [];
      const method = this.#codecs.method(path);
      return method === undefined
        ? []
        : httpBindingsOf(method, (reason) =>
            this.#note(`the google.api.http option of ${path} cannot be used: ${reason}`),
          );
    });
  }

  #note(what: string): void {
    if (this.#noted.has(what)) return;
    if (this.#noted.size >= NOTED_MAX) this.#noted.clear();
    this.#noted.add(what);
    this.#logger.warn(what);
  }
}
