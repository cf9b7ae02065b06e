#!/usr/bin/env node
import { CommanderError } from 'commander'
import { endProcess } from './end-process.ts'
import { InterruptedError } from './errors.ts'
import { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts'
import { createOutput, onReaderGone } from './output.ts'
import { createProgram } from './program.ts'

/** How long open handles of others may keep a finished command alive, in milliseconds. */
const lingerMs = 3_000

let exitCode: number = exitCodes.ok
let signalTaker: ((signal: NodeJS.Signals) => boolean) | undefined
const interruption = new AbortController()

function interrupt(signal: NodeJS.Signals): void {
  if (signalTaker?.(signal) === true) return
  if (interruption.signal.aborted) endProcess(exitCodes.interrupted)
  interruption.abort(new InterruptedError())
}

/** The exit code of what ended the command; says what that was, unless it was said before. */
function conclude(error: unknown): ExitCode {
  const output = createOutput(false)
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.ok
    // Commander has shown the help already; everything else it leaves to us.
    if (error.code !== 'commander.help') output.error(error.message.replace(/^error: /, ''))
    return exitCodes.usage
  }
  const reason = interruption.signal.aborted ? interruption.signal.reason : error
  if (!(reason instanceof InterruptedError)) output.error(reason)
  return exitCodeOf(reason instanceof Error ? reason.name : '')
}

// A node that nobody listens to still leaves in good order.
onReaderGone(() => interruption.abort(new InterruptedError()))
process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)

try {
  await createProgram({
    stdin: process.stdin,
    env: process.env,
    output: createOutput,
    interrupted: interruption.signal,
    takeSignals(taker) {
      signalTaker = taker
      return { [Symbol.dispose]: () => (signalTaker = undefined) }
    },
    setExitCode(code) {
      if (code > exitCode) exitCode = code
    },
  }).parseAsync()
} catch (error) {
  exitCode = conclude(error)
}
process.exitCode = exitCode
setTimeout(() => endProcess(exitCode), lingerMs).unref()
