import { Command } from 'commander'
import { ask } from '../ask.ts'
import { command, globalOptions } from '../global-options.ts'
import type { Terminal } from '../terminal.ts'

const columns = ['peerId', 'queues', 'concurrency', 'addresses']

/** `meshwork node ls`: the nodes of the mesh. */
export function nodeCommand(terminal: Terminal): Command {
  const list = command('ls', 'list the nodes of the mesh').action(async (_, self: Command) => {
    const output = terminal.output(globalOptions(self.opts()).json)
    output.table(columns, await ask({ op: 'nodes' }, self, terminal))
  })
  return new Command('node').description('look at the nodes of the mesh').addCommand(list)
}
