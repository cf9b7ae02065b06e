/** What is told of each promise that a tracked object gives. */
export type Track = <T>(work: Promise<T>) => Promise<T>

/**
 * The same object, but every promise that its methods return is tracked, and so is what those
 * resolve with: a handle that a node gives is tracked as the node is.
 */
export function tracked<T extends object>(target: T, track: Track): T {
  const methods = new Map<PropertyKey, unknown>()
  return new Proxy(target, {
    get: (_, key) => {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      let method = methods.get(key)
      if (method === undefined) {
        method = (...told: unknown[]): unknown => given(Reflect.apply(value, target, told), track)
        methods.set(key, method)
      }
      return method
    },
  })
}

/** What a method has returned. */
function given(value: unknown, track: Track): unknown {
  if (value instanceof Promise) return track(value).then(result => resolved(result, track))
  if (isAsyncIterable(value)) return trackedIterable(value, track)
  return resolved(value, track)
}

/** Of what a node gives, only handles can be asked for more. */
function resolved(value: unknown, track: Track): unknown {
  if (Array.isArray(value)) return value.map((one: unknown) => resolved(one, track))
  return isHandle(value) ? tracked(value, track) : value
}

function isHandle(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'outcome' in value && 'cancel' in value
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

async function* trackedIterable(source: AsyncIterable<unknown>, track: Track): AsyncGenerator {
  const iterator = source[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await track(Promise.resolve(iterator.next()))
      if (next.done === true) return
      yield next.value
    }
  } finally {
    await iterator.return?.()
  }
}
