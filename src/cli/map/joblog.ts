/** A task that has ended, as GNU Parallel's `--joblog` has it. */
export interface JoblogEntry {
  /** Counts the tasks, from 1. */
  readonly seq: number
  /** Who ran it: a peer id. */
  readonly host: string
  /** Seconds since 1970. */
  readonly startedAt: number
  readonly runMs: number
  /** Bytes of files that were sent. */
  readonly sentBytes: number
  /** Bytes that came back: output and files. */
  readonly receivedBytes: number
  /** −1 where there is none: its time was up, or it could not be run. */
  readonly exitCode: number
  /** Number of the signal that ended it; 0 for none. */
  readonly signal: number
  readonly command: string
}

/** The first line. */
export const joblogHeader =
  'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n'

/** Stands for who ran it where nobody did. */
const nobody = ':'

/** One line of the log. */
export function joblogLine(entry: JoblogEntry): string {
  const { seq, host, startedAt, runMs, sentBytes, receivedBytes, exitCode, signal } = entry
  const columns = [
    seq,
    host === '' ? nobody : host,
    startedAt.toFixed(3),
    (runMs / 1_000).toFixed(3).padStart(10),
    sentBytes,
    receivedBytes,
    exitCode,
    signal,
    // Line ends within would make it hard to read.
    entry.command.replaceAll('\n', '\0'),
  ]
  return `${columns.join('\t')}\n`
}

/** The tasks that a log tells of: whether each has succeeded, the last time that it ran. */
export function readJoblog(text: string): Map<number, boolean> {
  const tasks = new Map<number, boolean>()
  for (const line of text.split('\n')) {
    const [seq = '', , , , , , exitCode, signal] = line.split('\t')
    if (!/^\d{1,15}$/.test(seq) || signal === undefined) continue
    tasks.set(Number(seq), exitCode === '0' && signal === '0')
  }
  return tasks
}
