import { formatDuration } from '../duration.ts'

/** How far a `map` is. */
export interface Progress {
  readonly done: number
  readonly failed: number
  /** All tasks; `undefined` while arguments are still coming. */
  readonly total: number | undefined
  readonly elapsedMs: number
}

/** A line that stays at the end of a terminal. */
export interface StatusLine {
  show(text: string): void
  /** Makes room for other output. */
  clear(): void
}

/** Characters of the bar. */
const barChars = 24

/** Shortest time between two changes of the line, in milliseconds. */
const everyMs = 100

/** A status line on stderr; `undefined` where that is no terminal. */
export async function openStatusLine(): Promise<StatusLine | undefined> {
  const { stderr } = process
  if (!stderr.isTTY) return undefined
  const { createLogUpdate } = await import('log-update')
  // Some terminals do not tell their size.
  const size = { columns: { value: stderr.columns || 80 }, rows: { value: stderr.rows || 24 } }
  const isSized = stderr.columns > 0 && stderr.rows > 0
  const stream = isSized ? stderr : (Object.create(stderr, size) as typeof stderr)
  const line = createLogUpdate(stream, { showCursor: true })
  let shownAt = -Infinity
  return {
    show(text) {
      const now = performance.now()
      if (now - shownAt < everyMs) return
      shownAt = now
      line(text)
    },
    clear() {
      shownAt = -Infinity
      line.clear()
    },
  }
}

/** A bar, the counts, and how long it will take at the pace so far. */
export function progressLine({ done, failed, total, elapsedMs }: Progress): string {
  const failures = failed > 0 ? `, ${failed} failed` : ''
  if (total === undefined) return `${done} done${failures}`
  const share = total === 0 ? 1 : done / total
  const filled = Math.floor(share * barChars)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barChars - filled)}`
  const leftMs = done === 0 ? undefined : (elapsedMs / done) * (total - done)
  const left = leftMs === undefined || done >= total ? '' : `, ${formatDuration(leftMs)} left`
  return `${bar} ${Math.floor(share * 100)}% ${done}/${total}${failures}${left}`
}
