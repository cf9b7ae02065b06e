import * as fs from 'node:fs'
import { nodeSystem, type Level, type System } from '../../src/store/system.ts'

/** What can go wrong in a `testSystem`. */
export interface Faults {
  bootId: string
  /** Called before a write to the journal; returns how many bytes to write and then fail. */
  write: (length: number) => { bytes: number; error: Error } | undefined
  /** Awaited before each sync. */
  sync: () => Promise<void>
  /** Awaited before and after each change of LevelDB, with the method's name. */
  level: (call: string) => Promise<void>
  unlink: (path: string) => void
}

export interface TestSystem extends System {
  readonly faults: Faults
  readonly counts: { writes: number; syncs: number; headWrites: number }
  /** How much of each file, by inode, has been synced. */
  readonly synced: Map<number, number>
  /** Files, by inode, that a synced directory names. */
  readonly named: Set<number>
}

const changes: ReadonlySet<unknown> = new Set(['batch', 'put', 'clear', 'compactRange'])

/** The real disk, counted and breakable. */
export function testSystem(): TestSystem {
  const counts = { writes: 0, syncs: 0, headWrites: 0 }
  const synced = new Map<number, number>()
  const named = new Set<number>()
  const noteSynced = (fd: number, { ino, size }: { ino: number; size: number }): void => {
    synced.set(ino, size)
    if (!fs.fstatSync(fd).isDirectory()) return
    for (const file of inodesIn(fd)) named.add(file)
  }
  const faults: Faults = {
    bootId: 'boot-1',
    write: () => undefined,
    sync: () => Promise.resolve(),
    level: () => Promise.resolve(),
    unlink: () => undefined,
  }
  return {
    ...nodeSystem,
    counts,
    faults,
    synced,
    named,
    bootId: () => faults.bootId,
    write(fd, bytes, offset, length, position) {
      if (position !== null) {
        counts.headWrites += 1
        return nodeSystem.write(fd, bytes, offset, length, position)
      }
      counts.writes += 1
      const fault = faults.write(length)
      if (fault === undefined) return nodeSystem.write(fd, bytes, offset, length, null)
      if (fault.bytes > 0) nodeSystem.write(fd, bytes, offset, fault.bytes, null)
      throw fault.error
    },
    sync(fd, done) {
      const stat = fs.fstatSync(fd)
      if (stat.isFile()) counts.syncs += 1
      const afterwards = (error: Error | null): void => {
        if (error === null) noteSynced(fd, stat)
        done(error)
      }
      faults.sync().then(() => nodeSystem.sync(fd, afterwards), afterwards)
    },
    syncNow(fd) {
      nodeSystem.syncNow(fd)
      noteSynced(fd, fs.fstatSync(fd))
    },
    unlink(path) {
      faults.unlink(path)
      nodeSystem.unlink(path)
    },
    level: (location, options) => watched(nodeSystem.level(location, options), faults),
  }
}

function watched(level: Level, faults: Faults): Level {
  return new Proxy(level, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const method = value as (...args: unknown[]) => unknown
      if (!changes.has(name)) return method.bind(target)
      return async (...args: unknown[]) => {
        await faults.level(`before ${String(name)}`)
        const result = await method.apply(target, args)
        await faults.level(`after ${String(name)}`)
        return result
      }
    },
  })
}

// Only Linux tells which directory a descriptor is.
function inodesIn(directoryFd: number): number[] {
  if (process.platform !== 'linux') return []
  const path = fs.readlinkSync(`/proc/self/fd/${directoryFd}`)
  return fs.readdirSync(path).map(name => fs.statSync(`${path}/${name}`).ino)
}
