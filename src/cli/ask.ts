import type { Command } from 'commander'
import { globalOptions } from './global-options.ts'
import type { Request } from './requests.ts'
import { openSession, type Session } from './session.ts'
import type { Terminal } from './terminal.ts'

/** The rows that answer a request. */
export async function ask(
  request: Request,
  self: Command,
  terminal: Terminal,
): Promise<Readonly<Record<string, unknown>>[]> {
  await using session = await openSession(globalOptions(self.opts()), terminal)
  return await rowsOf(session, request)
}

/** The rows that answer a request of a session. */
export async function rowsOf(
  session: Session,
  request: Request,
): Promise<Readonly<Record<string, unknown>>[]> {
  const rows: Readonly<Record<string, unknown>>[] = []
  for await (const replies of session.request(request)) {
    for (const reply of replies) if (reply.type === 'row') rows.push(reply.row)
  }
  return rows
}
