import type { AttemptInit } from './attempt.ts'
import { taskId } from '../core/ids.ts'

/** What a command takes over of the node's environment; all else is kept from it. */
const kept = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TMPDIR',
  // Windows programs cannot start, or find their folders, without these.
  ...['SYSTEMROOT', 'SYSTEMDRIVE', 'COMSPEC', 'PATHEXT', 'TEMP', 'TMP'],
  ...['USERPROFILE', 'USERNAME', 'APPDATA', 'LOCALAPPDATA', 'PROGRAMDATA', 'PROGRAMFILES'],
])

/**
 * The whole environment of a command: of the node's own where programs, home, language, time zone
 * and temporary files are (`LC_*`, too), and `MESHWORK_TASK_ID`, `MESHWORK_ATTEMPT` and
 * `MESHWORK_TOKEN`. So no secret of the node leaks into it, and it runs alike on every node. The
 * shell adds what it always does, such as `PWD`.
 */
export function commandEnv(
  own: NodeJS.ProcessEnv,
  { ledger, seq, attempt, token }: AttemptInit,
): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const [name, value] of Object.entries(own)) {
    // Names have no case on Windows.
    const upper = name.toUpperCase()
    if (kept.has(upper) || upper.startsWith('LC_')) env[name] = value
  }
  env['MESHWORK_TASK_ID'] = taskId(ledger, seq)
  env['MESHWORK_ATTEMPT'] = String(attempt)
  env['MESHWORK_TOKEN'] = String(token)
  return env
}
