import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { doctorCommand } from './commands/doctor.ts'
import { nodeCommand } from './commands/node.ts'
import { mapCommand } from './commands/map.ts'
import { publishCommand } from './commands/publish.ts'
import { runCommand } from './commands/run.ts'
import { secretCommand } from './commands/secret.ts'
import { simulateCommand } from './commands/simulate.ts'
import { taskCommand } from './commands/task.ts'
import { upCommand } from './commands/up.ts'
import type { Terminal } from './terminal.ts'

/** The version in the package's manifest. */
export function packageVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { readonly version: string }).version
}

/** The whole command line. It throws instead of ending the process, and prints no errors. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('meshwork')
    .description('A brokerless work-sharing mesh: publish a task anywhere, any node runs it')
    .version(packageVersion())
    // The options of a command that is to be run are its own.
    .enablePositionalOptions()
    .addCommand(upCommand(terminal))
    .addCommand(publishCommand(terminal))
    .addCommand(runCommand(terminal))
    .addCommand(mapCommand(terminal))
    .addCommand(taskCommand(terminal))
    .addCommand(nodeCommand(terminal))
    .addCommand(doctorCommand(terminal))
    .addCommand(simulateCommand(terminal))
    .addCommand(secretCommand(terminal))
  quiet(program)
  return program
}

function quiet(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined })
  for (const child of command.commands) quiet(child)
}
