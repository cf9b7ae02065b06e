/** Fields whose values are never changed once they are made. */
const fixed: ReadonlySet<string> = new Set(['init', 'info', 'spec', 'message', 'entry', 'hello'])

/** A deep copy of plain data in which what was shared is shared again. */
export function cloneOf<T>(value: T): T {
  return copy(value, new Map()) as T
}

function copy(value: unknown, made: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) return (value as Uint8Array).slice()
  const known = made.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) {
    const items: unknown[] = []
    made.set(value, items)
    for (const item of value) items.push(copy(item, made))
    return items
  }
  if (value instanceof Map) {
    const entries = new Map<unknown, unknown>()
    made.set(value, entries)
    for (const [key, item] of value) entries.set(key, copy(item, made))
    return entries
  }
  if (value instanceof Set) return new Set(value)
  const fields: Record<string, unknown> = {}
  made.set(value, fields)
  for (const key in value) {
    const field = (value as Record<string, unknown>)[key]
    fields[key] = fixed.has(key) ? field : copy(field, made)
  }
  return fields
}
