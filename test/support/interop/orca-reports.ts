import { setTimeout as pause } from "node:timers/promises";

import { interopContract } from "./contract";
import type { OrcaLoadReport, OrcaLoadReportRequest, TestOrcaReport } from "./messages";

/** What a server reports out of band, until it is told to report something else. */
export class OrcaReports {
  #current: OrcaLoadReport = {};

  set(report: TestOrcaReport): void {
    this.#current = loadReport(report);
  }

  /** One report at once, and one after every interval that the caller asks for. */
  async *stream(request: OrcaLoadReportRequest, signal: AbortSignal): AsyncGenerator<OrcaLoadReport> {
    const { seconds = "0", nanos = 0 } = request.reportInterval ?? {};
    const intervalMs = Math.max(100, Number(seconds) * 1_000 + nanos / 1_000_000);
    while (!signal.aborted) {
      yield this.#current;
      await pause(intervalMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** The report of one call, as its trailer carries it. */
export function encodedReport(report: TestOrcaReport): Buffer {
  const { StreamCoreMetrics } = interopContract().definition("xds.service.orca.v3.OpenRcaService");
  return StreamCoreMetrics!.responseSerialize(loadReport(report));
}

function loadReport({ cpuUtilization, memoryUtilization, requestCost, utilization }: TestOrcaReport): OrcaLoadReport {
  return {
    ...(cpuUtilization === undefined ? {} : { cpuUtilization }),
    ...(memoryUtilization === undefined ? {} : { memUtilization: memoryUtilization }),
    requestCost: requestCost ?? {},
    utilization: utilization ?? {},
  };
}
