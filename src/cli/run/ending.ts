import { constants } from 'node:os'
import { exitCodes } from '../exit-codes.ts'
import type { EndedReply } from './requests.ts'

/** What a shell, and `timeout`, say of a command that could not be found, or took too long. */
const notFoundCode = 127
const timedOutCode = 124

/** Added to the number of a signal that has ended a command. */
const signalBase = 128

/** The exit code of a command as a shell would tell it. */
export function exitCodeOf({ state, code, signal, timedOut, error }: EndedReply): number {
  if (state !== 'done') return exitCodes.failed
  if (timedOut) return timedOutCode
  if (code === null) return signalBase + signalNumber(signal)
  return code === 0 && error !== undefined ? exitCodes.failed : code
}

/** Whether a command has succeeded, and given back what it was to. */
export function hasSucceeded(ended: EndedReply): boolean {
  return exitCodeOf(ended) === exitCodes.ok
}

/** What to say of how a command has ended, besides what it has said itself; mostly nothing. */
export function remarkOn({ error, node, code, timedOut }: EndedReply): string | undefined {
  if (error !== undefined) return error
  if (timedOut) return 'it was ended since its time was up'
  if (code === notFoundCode) return `it was not found on node ${node ?? '?'}`
  return undefined
}

/** The number of a signal; 0 for none. */
export function signalNumber(name: string | null): number {
  return constants.signals[name as NodeJS.Signals] ?? 0
}
