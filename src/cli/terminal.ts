import type { Readable } from 'node:stream'
import type { ExitCode } from './exit-codes.ts'
import type { Output } from './output.ts'

/** What surrounds a command. */
export interface Terminal {
  readonly stdin: Readable
  readonly env: Readonly<Record<string, string | undefined>>
  output(json: boolean): Output
  /** Aborts when the user interrupts the command. */
  readonly interrupted: AbortSignal
  /** A command that fails without an error says so here; the highest code given stays. */
  setExitCode(code: ExitCode): void
}
