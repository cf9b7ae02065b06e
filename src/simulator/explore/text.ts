/** Fields that do not change what a node will do, or that follow from the others. */
const silent: ReadonlySet<string> = new Set([
  'bytes',
  'changed',
  'compareAt',
  'decisions',
  'duplicates',
  'freeValues',
  'idleAt',
  'info',
  'init',
  'leaseMs',
  'maxBytes',
  'maxDeliveries',
  'news',
  'nextId',
  'nextTickAt',
  'offsets',
  'openedAt',
  'pageTasks',
  'peerHash',
  'proposerIndex',
  'proposers',
  'random',
  'readySpecs',
  'retention',
  'serving',
  'specIndex',
  'specs',
  'spec',
  'storageId',
  'up',
  'version',
  'wallOffsetMs',
])

/**
 * A text that is the same for equal structures only. Maps and sets are told in the order of their
 * keys: in which order they were filled makes no difference here.
 */
export function textOf(value: unknown, skip: ReadonlySet<string> = silent): string {
  if (typeof value === 'string') return `'${value}'`
  if (typeof value !== 'object' || value === null) return String(value)
  if (ArrayBuffer.isView(value)) return `<${(value as Uint8Array).join(' ')}>`
  if (Array.isArray(value)) {
    let text = '['
    for (const item of value) text += `${textOf(item, skip)},`
    return `${text}]`
  }
  if (value instanceof Map) {
    const entries: string[] = []
    for (const [key, item] of value) entries.push(`${String(key)}=${textOf(item, skip)}`)
    return `M{${entries.sort().join(',')}}`
  }
  if (value instanceof Set)
    return `S{${[...value]
      .map(item => textOf(item, skip))
      .sort()
      .join()}}`
  let text = '{'
  for (const key in value) {
    if (skip.has(key)) continue
    text += `${key}:${textOf((value as Record<string, unknown>)[key], skip)},`
  }
  return `${text}}`
}

const none: ReadonlySet<string> = new Set()

/** The text of a structure with all its fields. */
export function wholeTextOf(value: unknown): string {
  return textOf(value, none)
}
