import { Option, type Command, type OptionValues } from 'commander'
import type { PublishOptions } from '../../index.ts'
import { parseDuration, parseInteger } from '../duration.ts'
import { append } from '../global-options.ts'
import { addLabel } from '../publish-options.ts'

/** How long to look out for a node that runs commands, and for a majority, in milliseconds. */
const waitTimeoutMs = 10_000

/** How long what a command has left is kept, in milliseconds: it is fetched at once. */
const resultTtlMs = 3_600_000

/** Wait before a command is tried again, in milliseconds. */
const retryMs = 100

/** What `run` and `map` are told about each command. */
export interface RunFlags {
  readonly send: readonly string[]
  readonly return: readonly string[]
  readonly waitTimeout: number
}

/** Adds the options that `run` and `map` have in common. */
export function addRunOptions(to: Command): Command {
  return to
    .option('--send <file>', 'file or folder that the command is sent; may be repeated', append)
    .option('--return <file>', 'file that the command gives back; may be repeated', append)
    .option('--retries <n>', 'runs until one succeeds, at most', text => parseInteger(text, 1))
    .option('--timeout <duration>', 'longest time of one run', parseDuration)
    .option('--requires <label=value>', 'label of the node that runs it; may be repeated', addLabel)
    .option('--priority <n>', 'higher runs first', text => parseInteger(text, -1_000_000))
    .addOption(
      new Option('--wait-timeout <duration>', 'give up when no node runs commands for so long')
        .argParser(parseDuration)
        .default(waitTimeoutMs, `${waitTimeoutMs / 1_000}s`),
    )
}

/** Those of them that are not for the tasks. */
export function runFlags(options: OptionValues): RunFlags {
  const given = options as Partial<RunFlags>
  return {
    send: given.send ?? [],
    return: given.return ?? [],
    waitTimeout: given.waitTimeout ?? waitTimeoutMs,
  }
}

/** Those that are. */
export function taskOptions(options: OptionValues): PublishOptions {
  const { retries, timeout, requires, priority } = options as {
    readonly retries?: number
    readonly timeout?: number
    readonly requires?: Readonly<Record<string, string>>
    readonly priority?: number
  }
  return {
    attempts: retries ?? 1,
    backoff: { type: 'fixed', delayMs: retryMs },
    timeoutMs: timeout,
    requires: requires && { labels: requires },
    priority,
    resultTtlMs,
  }
}
