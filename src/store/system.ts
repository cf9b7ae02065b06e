import * as fs from 'node:fs'
import { ClassicLevel } from 'classic-level'

/** LevelDB as the store uses it. */
export type Level = ClassicLevel<string, Uint8Array>

/** The calls of a store that change or sync the disk, so that tests can count and break them. */
export interface System {
  /** Writes at the file's own position if `position` is null. Returns the bytes written. */
  write(
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): number
  /** Calls back when the file's data is on the disk. */
  sync(fd: number, done: (error: Error | null) => void): void
  syncNow(fd: number): void
  unlink(path: string): void
  truncate(path: string, bytes: number): void
  /** Changes with every start of the machine; '' where that cannot be known. */
  bootId(): string
  level(location: string, options: { createIfMissing: boolean }): Level
}

/** The machine itself. */
export const nodeSystem: System = {
  write: fs.writeSync,
  sync: fs.fdatasync,
  syncNow: fs.fsyncSync,
  unlink: fs.unlinkSync,
  truncate: fs.truncateSync,
  bootId: readBootId,
  level: (location, { createIfMissing }) =>
    new ClassicLevel<string, Uint8Array>(location, {
      createIfMissing,
      keyEncoding: 'utf8',
      valueEncoding: 'view',
    }),
}

/** Writes a whole buffer. A short write is continued: the next one gives the reason. */
export function writeAll(
  system: System,
  fd: number,
  bytes: Uint8Array,
  position: number | null = null,
): void {
  let written = 0
  while (written < bytes.byteLength) {
    const at = position === null ? null : position + written
    const count = system.write(fd, bytes, written, bytes.byteLength - written, at)
    if (count <= 0) throw new Error('a write stored nothing')
    written += count
  }
}

/** Makes a directory's list of files durable. */
export function syncDirectory(system: System, path: string): void {
  const fd = fs.openSync(path, 'r')
  try {
    system.syncNow(fd)
  } finally {
    fs.closeSync(fd)
  }
}

// The kernel's page cache outlives a killed process but not its machine.
function readBootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 64)
  } catch {
    return ''
  }
}
