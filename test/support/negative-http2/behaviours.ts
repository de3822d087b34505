import type { RawConnection } from "./raw-connection";

/** How a server answers that tries its clients: one of the cases of grpc's negative-http2-interop-test-descriptions.md. */
export interface Behaviour {
  /** Before the client has sent anything. */
  greet?(connection: RawConnection): void;
  answer(connection: RawConnection, streamId: number, message: Buffer, call: { isFirst: boolean }): Promise<void>;
}

/** So many small frames that their padding alone is more than the window of any client. */
const PADDED_FRAME_BYTES = 100;

const REFUSED_STREAM = 0x7;

export const BEHAVIOURS = {
  /** Goes away before it answers: the client must use another connection for the next call. */
  goaway: {
    async answer(connection, streamId, message) {
      connection.goaway(streamId);
      await answerWell(connection, streamId, message);
    },
  },
  /** Goes away without having seen the first call: it has not run, and the client sends it again. */
  goaway_unprocessed: {
    async answer(connection, streamId, message, { isFirst }) {
      if (isFirst) connection.goaway(0);
      else await answerWell(connection, streamId, message);
    },
  },
  /** Refuses the first call, which has not run then. */
  refused_stream: {
    async answer(connection, streamId, message, { isFirst }) {
      if (isFirst) connection.reset(streamId, REFUSED_STREAM);
      else await answerWell(connection, streamId, message);
    },
  },
  rst_after_header: {
    answer(connection, streamId) {
      connection.headers(streamId);
      connection.reset(streamId, 0);
      return Promise.resolve();
    },
  },
  rst_during_data: {
    async answer(connection, streamId, message) {
      connection.headers(streamId);
      await connection.data(streamId, message.subarray(0, message.length / 2));
      connection.reset(streamId, 0);
    },
  },
  rst_after_data: {
    async answer(connection, streamId, message) {
      connection.headers(streamId);
      await connection.data(streamId, message);
      connection.reset(streamId, 0);
    },
  },
  ping: {
    async answer(connection, streamId, message) {
      connection.ping();
      connection.headers(streamId);
      connection.ping();
      await connection.data(streamId, message);
      connection.ping();
      connection.trailers(streamId);
      connection.ping();
    },
  },
  /** The limit comes when the connection is made already, as that of a server which is reconfigured. */
  max_streams: {
    greet: (connection) => connection.limitStreams(1),
    answer: answerWell,
  },
  data_frame_padding: {
    async answer(connection, streamId, message) {
      connection.headers(streamId);
      await connection.data(streamId, message, { frameBytes: PADDED_FRAME_BYTES, paddingBytes: 255 });
      connection.trailers(streamId);
    },
  },
  /** As many frames, without padding. */
  no_df_padding_sanity_test: {
    async answer(connection, streamId, message) {
      connection.headers(streamId);
      await connection.data(streamId, message, { frameBytes: PADDED_FRAME_BYTES });
      connection.trailers(streamId);
    },
  },
} as const satisfies Record<string, Behaviour>;

export type NegativeCaseName = keyof typeof BEHAVIOURS;

async function answerWell(connection: RawConnection, streamId: number, message: Buffer): Promise<void> {
  connection.headers(streamId);
  await connection.data(streamId, message);
  connection.trailers(streamId);
}
