import type { DialingTls } from "../rpc/client/rpc-connection";
import { createSecureContext, type SecureContext } from "node:tls";

import { type ChannelCredentials, credentials, experimental, ServerCredentials } from "@grpc/grpc-js";

import type { LiveTls } from "./live-tls";
import type { TlsMaterial } from "./tls-material";

/** What a grpc-js server shows, and whom it lets in: plain text and everybody, unless there is a certificate, or are authorities. */
export function serverCredentials(tls: LiveTls): ServerCredentials {
  const { own, clientCa } = tls.current;
  if (own === undefined) return ServerCredentials.createInsecure();
  const provider = new LiveProvider(tls, (material) => material.clientCa);
  // The first is the identity's, though its type calls it that of the authorities.
  const { createCertificateProviderServerCredentials: create } = experimental;
  return clientCa === undefined ? create(provider, null, false) : create(provider, provider, true);
}

/** How a grpc-js client connects: in plain text unless there are authorities to trust. */
export function channelCredentials(tls: LiveTls): ChannelCredentials {
  const { own, ca } = tls.current;
  if (ca === undefined) return credentials.createInsecure();
  const provider = new LiveProvider(tls, (material) => material.ca);
  return experimental.createCertificateProviderChannelCredentials(provider, own === undefined ? null : provider);
}

/** What a port of `node:tls` shows, and whom it lets in. */
export interface ServingTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | undefined;
}

/** For a port of `node:tls`; undefined for plain text. */
export function servingTls(tls: LiveTls) {
  if (tls.current.own === undefined) return undefined;
  const serving = ({ own, clientCa }: TlsMaterial): ServingTls => ({ ...own!, clientCa });
  return {
    current: serving(tls.current),
    watch: (listener: (renewed: ServingTls) => void) => tls.watch((material) => listener(serving(material))),
  };
}

/** For connections that `node:tls` makes; undefined for plain text. */
export function dialingTls(tls: LiveTls): DialingTls | undefined {
  if (tls.current.ca === undefined) return undefined;
  return { context: () => dialingContext(tls.current), watch: () => tls.watch(() => {}) };
}

/** One for all that dial, because each takes a copy of the authorities. */
const contexts = new WeakMap<TlsMaterial, SecureContext>();

function dialingContext(material: TlsMaterial): SecureContext {
  const known = contexts.get(material);
  if (known !== undefined) return known;
  const context = createSecureContext({ ca: material.ca, ...material.own });
  contexts.set(material, context);
  return context;
}

type CaListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

/** Tells grpc-js what the files say, for connections that begin from then on. The files are watched for as long as it listens. */
class LiveProvider implements experimental.CertificateProvider {
  readonly #tls: LiveTls;
  readonly #authoritiesOf: (material: TlsMaterial) => Buffer | undefined;
  readonly #caListeners = new Map<CaListener, () => void>();
  readonly #identityListeners = new Map<IdentityListener, () => void>();

  constructor(tls: LiveTls, authoritiesOf: (material: TlsMaterial) => Buffer | undefined) {
    this.#tls = tls;
    this.#authoritiesOf = authoritiesOf;
  }

  addCaCertificateListener(listener: CaListener): void {
    const tell = (material: TlsMaterial) => {
      const caCertificate = this.#authoritiesOf(material);
      listener(caCertificate === undefined ? null : { caCertificate });
    };
    this.#caListeners.set(listener, this.#watch(tell));
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.get(listener)?.();
    this.#caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    const tell = ({ own }: TlsMaterial) => listener(own ? { certificate: own.cert, privateKey: own.key } : null);
    this.#identityListeners.set(listener, this.#watch(tell));
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.get(listener)?.();
    this.#identityListeners.delete(listener);
  }

  #watch(tell: (material: TlsMaterial) => void): () => void {
    let isOver = false;
    const unwatch = this.#tls.watch(tell);
    // Not at once: a server of grpc-js begins to listen to its credentials only after they have begun to listen here.
    queueMicrotask(() => {
      if (!isOver) tell(this.#tls.current);
    });
    return () => {
      isOver = true;
      unwatch();
    };
  }
}
