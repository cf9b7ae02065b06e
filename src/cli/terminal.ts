import type { Readable } from 'node:stream'
import type { Output } from './output.ts'

/** What surrounds a command. */
export interface Terminal {
  readonly stdin: Readable
  readonly env: Readonly<Record<string, string | undefined>>
  output(json: boolean): Output
  /** Aborts when the user interrupts the command. */
  readonly interrupted: AbortSignal
  /**
   * Tells of each SIGINT and SIGTERM, until it is disposed of; those that are answered by false
   * interrupt the command.
   */
  takeSignals(taker: (signal: NodeJS.Signals) => boolean): Disposable
  /** A command that fails without an error says so here; the highest code given stays. */
  setExitCode(code: number): void
}
