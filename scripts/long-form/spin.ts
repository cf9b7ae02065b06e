import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const test = join(import.meta.dirname, '../../test/e2e/handlers.test.ts')

/**
 * The test of a handler that computes for longer than its lease, beside an idle node that would
 * take its task over; for a minute and a half, which is three leases.
 */
export async function spin(say: (line: string) => void): Promise<void> {
  say('a handler computes for 90 s under leases of 30 s')
  const args = ['--test', '--test-name-pattern', 'computes for longer than a lease', test]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, MESHWORK_LONG: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const output = child.stdout.setEncoding('utf8').toArray()
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error((await output).join(''))
}
