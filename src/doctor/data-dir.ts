import type { DataDirFacts } from './data-dir-probe.ts'
import { setAsideDetail } from '../set-aside.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** Storages that were set aside of which each is told by itself. */
const toldMax = 3

/** Whether a node could start on the data directory, and what it has set aside there. */
export function checkDataDir(facts: DataDirFacts): Finding[] {
  return [...checkState(facts), ...checkSetAside(facts)]
}

function checkSetAside({ setAside = [] }: DataDirFacts): Finding[] {
  const findings = setAside.slice(0, toldMax).map(one => {
    const { at } = one
    const remedy = 'check the disk; delete that folder when nobody needs it any more'
    return warning('data', `on ${at.slice(0, 10)} ${setAsideDetail(one).message}`, remedy)
  })
  const more = setAside.length - toldMax
  if (more <= 0) return findings
  const remedy = 'replace the disk: it loses what is written to it'
  return [...findings, warning('data', `${more} more storages were set aside before`, remedy)]
}

function checkState({ dataDir, state, holder, error }: DataDirFacts): Finding[] {
  switch (state) {
    case 'new':
      return [ok('data', `${dataDir} is not in use yet; meshwork up makes what it needs`)]
    case 'live': {
      const which = holder === undefined || holder === 0 ? '' : ` (process ${holder})`
      return [ok('data', `a node is running on ${dataDir}${which}`)]
    }
    case 'sound':
      return [ok('data', `${dataDir} is complete, a node can start on it`)]
    case 'unread':
      return [ok('data', `${dataDir} was not read here; meshwork up verifies it when it starts`)]
    case 'failed':
      return [failed(dataDir, error ?? new Error('it cannot be read'))]
    default:
      state satisfies never
      return []
  }
}

function failed(dataDir: string, error: Error): Finding {
  const code = 'code' in error ? error.code : undefined
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const remedy = 'make it yours (chown -R), or choose another place with --data'
    return problem('data', `this user may not read and write ${dataDir}`, remedy)
  }
  if (code === 'ENOTDIR') {
    return problem('data', `${dataDir} is not a folder`, 'choose another place with --data')
  }
  switch (error.name) {
    case 'StoreCorruptError': {
      const what = 'problem' in error ? String(error.problem) : error.message
      const remedy = what.includes('meshwork.json')
        ? 'move it away and start the node with an empty one'
        : 'start the node: it sets the storage aside and goes on with a new one'
      return problem('data', `${dataDir} is corrupt: ${what}`, remedy)
    }
    case 'StoreVersionError':
      return problem(
        'data',
        `${dataDir} was written by a newer version`,
        'upgrade meshwork here, or choose another place with --data',
      )
    case 'InvalidParametersError': {
      const remedy = 'remove the file peer.key in it: the node gets a new identity'
      return problem('data', error.message, remedy)
    }
    default:
      return problem(
        'data',
        `${dataDir} cannot be used: ${error.message}`,
        'check the disk and the rights of this user, or choose another place with --data',
      )
  }
}
