/** What a process of the benchmark is told. */
export interface MeshSetup {
  readonly mesh: string
  readonly dataDir: string
  readonly durability: 'disk' | 'process'
  readonly concurrency: number
}

/** What the producer is told besides. */
export interface Workload {
  readonly bootstrap: readonly string[]
  /** Tasks before the clock starts, in the batch that is measured, and one at a time after it. */
  readonly warm: number
  readonly tasks: number
  readonly single: number
  readonly payloadBytes: number
}

/** What the producer has measured. */
export interface Measured {
  readonly tasksPerSecond: number
  readonly publishedMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of the producer per task of the batch, in microseconds. */
  readonly cpuUs: number
}

/** The value below which a share of the sorted values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
