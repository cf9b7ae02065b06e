import type { Command } from 'commander'
import type { Finding, NodeHealth } from '../../index.ts'
import { connectControl, type ControlConnection } from '../control-client.ts'
import { printable } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { append, command, defaultMesh, globalOptions, readSecret } from '../global-options.ts'
import type { Terminal } from '../terminal.ts'

interface DoctorFlags {
  readonly listen?: readonly string[]
}

/** `meshwork doctor`: what is wrong and what to do. */
export function doctorCommand(terminal: Terminal): Command {
  return command('doctor', 'look for what is wrong here, and say what to do')
    .option('--listen <address>', 'multiaddr at which nodes are to try to reach this one', append)
    .action(async ({ listen }: DoctorFlags, self: Command) => {
      const options = globalOptions(self.opts())
      const output = terminal.output(options.json)
      const { interrupted } = terminal
      const secret = await readSecret(options, terminal.env)
      interrupted.throwIfAborted()
      const control = await connectControl(options.data)
      const running = control?.greeting.mesh
      const isAsked = running !== undefined && (options.mesh ?? running) === running
      output.note('looking around for some seconds')
      try {
        const { diagnose } = await import('../../index.ts')
        const findings = await diagnose({
          mesh: options.mesh ?? running ?? defaultMesh,
          secret,
          dataDir: options.data,
          bootstrap: options.bootstrap,
          mdns: options.mdns,
          listen,
          node: isAsked ? nodeBehind(control) : undefined,
          signal: interrupted,
        })
        interrupted.throwIfAborted()
        for (const finding of findings) output.result({ ...finding }, lineOf(finding))
        const isWrong = findings.some(({ level }) => level === 'problem')
        if (isWrong) terminal.setExitCode(exitCodes.failed)
      } finally {
        control?.close()
      }
    })
}

/** The node that runs on the data directory. */
function nodeBehind(control: ControlConnection | undefined) {
  if (control === undefined) return undefined
  return {
    async health({ signal }: { readonly signal?: AbortSignal }): Promise<NodeHealth> {
      const limit = signal ?? new AbortController().signal
      for await (const replies of control.request({ op: 'health' }, nothing(), limit)) {
        // The socket is this user's, and so is the node behind it.
        for (const reply of replies) if (reply.type === 'row') return reply.row as never
      }
      throw new Error('the node that runs here does not say how it is')
    },
  }
}

async function* nothing(): AsyncGenerator<readonly unknown[]> {
  // A request without inputs.
}

function lineOf({ check, level, message, remedy }: Finding): string {
  const todo = remedy === undefined ? '' : ` → ${remedy}`
  return `${level.padEnd(7)}  ${printable(`${check}: ${message}${todo}`)}`
}
