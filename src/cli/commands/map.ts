import { Option, type Command, type OptionValues } from 'commander'
import { UsageError } from '../errors.ts'
import { command, globalOptions } from '../global-options.ts'
import { type HaltRule, parseHalt } from '../map/halt.ts'
import { JoblogFile, type Resume } from '../map/joblog-file.ts'
import { MapRun } from '../map/map-run.ts'
import { MapTasks } from '../map/map-tasks.ts'
import { openStatusLine } from '../map/progress-line.ts'
import { inBatches } from '../run/input-batches.ts'
import { addRunOptions, runFlags, taskOptions } from '../run/run-options.ts'
import { openSession } from '../session.ts'
import type { Terminal } from '../terminal.ts'

interface MapFlags {
  readonly keepOrder?: boolean
  readonly halt: HaltRule
  readonly joblog?: string
  readonly resume?: boolean
  readonly resumeFailed?: boolean
  readonly dryRun?: boolean
}

/** `meshwork map COMMAND… ::: ARG…`: runs a command per argument, all over the mesh. */
export function mapCommand(terminal: Terminal): Command {
  const map = command('map', 'run a command for each argument, all over the mesh')
    .argument(
      '[words...]',
      'the command, with {} {.} {/} {/.} {//} {#} {1} replaced ({} appended if there is none), ' +
        'then ::: and arguments; without :::, each line of stdin is one',
    )
    .passThroughOptions()
    .option('-k, --keep-order', 'print outputs in the order of the arguments')
    .addOption(
      new Option('--halt <rule>', 'give up early: soon,fail=1 or now,fail=10% and the like')
        .argParser(parseHalt)
        .default({ when: 'never' }, 'never'),
    )
    .option('--joblog <file>', 'write a line per task that has ended, as GNU Parallel does')
    .option('--resume', 'leave out tasks that the job log tells of')
    .option('--resume-failed', 'leave out tasks that the job log says have succeeded')
    .option('--dry-run', 'print the commands and run none')
  return addRunOptions(map).action(async (words: readonly string[], _, self: Command) => {
    const options = globalOptions(self.opts())
    const output = terminal.output(options.json)
    const { keepOrder = false, halt, joblog: path, dryRun = false }: MapFlags = self.opts()
    const flags = runFlags(self.opts())
    const resume = resumeOf(self.opts())
    if (resume !== 'none' && path === undefined) {
      throw new UsageError('--resume and --resume-failed need --joblog FILE, to know what has run')
    }
    using joblog = path === undefined || dryRun ? undefined : new JoblogFile(path, resume)
    const { stdin } = terminal
    const skip = (seq: number): boolean => joblog?.skips(seq) ?? false
    const tasks = new MapTasks({ words, ...flags, folder: process.cwd(), stdin, skip })
    await tasks.check()
    if (dryRun) {
      for await (const batch of tasks) {
        for (const { seq, args, command } of batch) output.result({ seq, args, command }, command)
      }
      return
    }
    const request = {
      op: 'run',
      options: taskOptions(self.opts()),
      waitTimeoutMs: flags.waitTimeout,
      keepOrder,
      live: false,
    } as const
    const isTyped = !words.includes(':::') && 'isTTY' in stdin && stdin.isTTY === true
    if (isTyped) output.note('type an argument per line, then Ctrl-D')
    const status = options.json ? undefined : await openStatusLine()
    const run = new MapRun({ output, halt, joblog, status })
    await using session = await openSession(options, terminal)
    const feeding = run.feed(tasks).catch((error: unknown) => run.inputs.fail(error))
    try {
      for await (const replies of session.request(request, inBatches(run.inputs))) {
        for (const reply of replies) await run.take(reply)
      }
    } finally {
      run.inputs.end()
      status?.clear()
    }
    await feeding
    terminal.setExitCode(run.exitCode)
  })
}

function resumeOf(options: OptionValues): Resume {
  const { resume = false, resumeFailed = false }: MapFlags = options as MapFlags
  if (resumeFailed) return 'succeeded'
  return resume ? 'all' : 'none'
}
