import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { command, globalOptions } from '../global-options.ts'
import type { Terminal } from '../terminal.ts'

/** Bytes of a mesh secret: an outsider can test guesses against a handshake, so it is random. */
const secretBytes = 32

/** `meshwork secret`: makes a new mesh secret. */
export function secretCommand(terminal: Terminal): Command {
  return command('secret', 'make a new mesh secret').action((_, self: Command) => {
    const secret = randomBytes(secretBytes).toString('base64url')
    terminal.output(globalOptions(self.opts()).json).result({ secret }, secret)
  })
}
