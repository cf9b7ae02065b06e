import { constants } from 'node:os'
import {
  errorOutcome,
  longOutcome,
  type Outcome,
  resultOutcome,
  type ResultLimits,
} from './outcome.ts'
import type { GroupEnd } from './process-group.ts'

/** What a command has written. */
export interface CommandOutput {
  /** All of it; a stream of what is too much for JSON or text. */
  readonly stdout: Uint8Array | AsyncIterable<Uint8Array>
  /** The last lines of stderr. */
  readonly stderrTail: string
}

/** What a shell says of a command that it does not find. */
const notFoundCode = 127

/** What a command's end means for its task. */
export function commandOutcome(
  queue: string,
  end: GroupEnd,
  output: CommandOutput,
  limits: ResultLimits,
): Outcome {
  const { code, signal, error } = end
  const command = `Command of ${queue}`
  const said = output.stderrTail === '' ? '' : `: ${output.stderrTail}`
  if (error !== undefined) {
    return failed('CommandNotStartedError', `${command} could not be started: ${error.message}`)
  }
  if (signal !== null) return failed('CommandFailedError', `${command} died of ${signal}${said}`)
  if (code === notFoundCode) {
    const remedy = 'install it at the worker or mend --exec'
    const message = `${command} was not found (exit code ${code}); ${remedy}${said}`
    return failed('CommandNotFoundError', message)
  }
  if (code !== 0) {
    return failed('CommandFailedError', `${command} ended with exit code ${meaning(code)}${said}`)
  }
  return stdoutOutcome(queue, output.stdout, limits)
}

/** The outcome of a command that has written more than a result may have. */
export function outputTooLarge(queue: string, maxResultBytes: number): Outcome {
  const limit = `is over the limit of ${maxResultBytes} bytes`
  const message = `Output of the command of ${queue} ${limit}; let it write less, or elsewhere`
  return refused('ResultTooLargeError', message)
}

/** The outcome of a command whose output could not be kept here. */
export function outputNotKept(queue: string, error: unknown): Outcome {
  const reason = error instanceof Error ? error.message : String(error)
  return failed('ResultError', `Output of the command of ${queue} could not be kept: ${reason}`)
}

// JSON stays as it was written; any other text is the result as it is, to the last line break.
function stdoutOutcome(
  queue: string,
  stdout: CommandOutput['stdout'],
  limits: ResultLimits,
): Outcome {
  if (!(stdout instanceof Uint8Array)) {
    return { kind: 'done', body: '', large: { type: 'raw', source: stdout } }
  }
  let text: string
  try {
    text = decoder.decode(stdout)
  } catch {
    if (limits.blobs !== undefined) {
      return { kind: 'done', body: '', large: { type: 'raw', source: stdout } }
    }
    return refused('ResultError', `Output of the command of ${queue} is not UTF-8 text`)
  }
  if (!isJson(text)) return resultOutcome(text, limits)
  const body = text.trim()
  const bytes = Buffer.byteLength(body)
  if (bytes <= limits.maxResultBytes) return { kind: 'done', body }
  if (limits.blobs === undefined) return outputTooLarge(queue, limits.maxResultBytes)
  return longOutcome(body, bytes, limits)
}

/** A shell tells a signal that its command died of by an exit code over 128. */
function meaning(code: number | null): string {
  const known = Object.entries(constants.signals).find(([, number]) => number + 128 === code)
  return known === undefined ? String(code) : `${code} (${known[0]})`
}

function failed(name: string, message: string): Outcome {
  return errorOutcome({ name, message })
}

function refused(name: string, message: string): Outcome {
  return { kind: 'result', body: JSON.stringify({ name, message }) }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
