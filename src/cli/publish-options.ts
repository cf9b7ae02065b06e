import { InvalidArgumentError, Option, type Command, type OptionValues } from 'commander'
import type { PublishOptions } from '../index.ts'
import { parseDuration, parseInteger, parseWhen } from './duration.ts'

/** Adds the options of a publish, named as in the library. */
export function addPublishOptions(to: Command): Command {
  return to
    .option('--priority <n>', 'higher runs first', text => parseInteger(text, -1_000_000))
    .option('--delay <duration>', 'not before this time has passed, such as 30s', parseDuration)
    .option('--attempts <n>', 'runs that may fail before the task has', text =>
      parseInteger(text, 1),
    )
    .option('--backoff <[type:]duration>', 'wait before a retry, such as fixed:1s', parseBackoff)
    .option('--timeout <duration>', 'longest time of one run', parseDuration)
    .option('--queue-timeout <duration>', 'longest wait for the first run', parseDuration)
    .option('--expires <when>', 'fails unless it has ended: a date, or a duration', parseWhen)
    .option('--requires <label=value>', 'label of the node that runs it; may be repeated', addLabel)
    .option('--result-ttl <duration>', 'how long the result is kept', parseDuration)
    .option('--copies <n>', 'nodes that must have it before it is published', text =>
      parseInteger(text, 1),
    )
    .option('--key <name>', 'published once: the same again gives the same task')
    .addOption(new Option('--delay-ms <n>').argParser(parseDuration).hideHelp())
    .addOption(new Option('--timeout-ms <n>').argParser(parseDuration).hideHelp())
    .addOption(new Option('--queue-timeout-ms <n>').argParser(parseDuration).hideHelp())
    .addOption(new Option('--result-ttl-ms <n>').argParser(parseDuration).hideHelp())
}

/** The publish options among a command's options. */
export function publishOptions(options: OptionValues): PublishOptions {
  const all = options as {
    readonly priority?: number
    readonly attempts?: number
    readonly backoff?: NonNullable<PublishOptions['backoff']>
    readonly delay?: number
    readonly delayMs?: number
    readonly timeout?: number
    readonly timeoutMs?: number
    readonly queueTimeout?: number
    readonly queueTimeoutMs?: number
    readonly expires?: number
    readonly resultTtl?: number
    readonly resultTtlMs?: number
    readonly requires?: Readonly<Record<string, string>>
    readonly copies?: number
    readonly key?: string
  }
  return {
    priority: all.priority,
    attempts: all.attempts,
    backoff: all.backoff,
    delayMs: all.delay ?? all.delayMs,
    timeoutMs: all.timeout ?? all.timeoutMs,
    queueTimeoutMs: all.queueTimeout ?? all.queueTimeoutMs,
    expiresAt: all.expires,
    resultTtlMs: all.resultTtl ?? all.resultTtlMs,
    requires: all.requires && { labels: all.requires },
    copies: all.copies,
    key: all.key,
  }
}

/** Collects `name=value`, of an option that may be repeated. */
export function addLabel(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? []
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError('Expected NAME=VALUE.')
  }
  return { ...previous, [name]: value }
}

function parseBackoff(text: string): NonNullable<PublishOptions['backoff']> {
  const [type, duration] = text.includes(':') ? text.split(':', 2) : ['exponential', text]
  if (type !== 'fixed' && type !== 'exponential') {
    throw new InvalidArgumentError('Expected fixed:DURATION or exponential:DURATION.')
  }
  return { type, delayMs: parseDuration(duration ?? '') }
}
