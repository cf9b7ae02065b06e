/** What is used of a DNS message: names and texts, as far as it could be read. */
export interface DnsMessage {
  readonly id: number
  readonly response: boolean
  /** Names of its questions and records. */
  readonly names: readonly string[]
  /** Strings of its TXT records. */
  readonly texts: readonly string[]
}

const headerBytes = 12
const responseFlag = 0x8000
const typePtr = 12
const typeTxt = 16
const classIn = 1
/** Questions and records that are read of one message. */
const recordsMax = 256
/** Longest name, in bytes, and pointers that may be followed for one. */
const nameBytesMax = 255
const pointersMax = 16

/** A query for the PTR records of a name. */
export function encodeQuestion(id: number, name: string): Buffer {
  const labels = name.split('.').map(label => {
    const bytes = Buffer.from(label)
    return Buffer.concat([Buffer.of(bytes.byteLength), bytes])
  })
  const header = Buffer.alloc(headerBytes)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(1, 4)
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, typePtr, 0, classIn)])
}

/** Reads what came from the network; `undefined` if it is no DNS message. */
export function decodeDns(bytes: Buffer): DnsMessage | undefined {
  if (bytes.byteLength < headerBytes) return undefined
  const response = (bytes.readUInt16BE(2) & responseFlag) !== 0
  const names: string[] = []
  const texts: string[] = []
  try {
    let at = headerBytes
    const questions = bytes.readUInt16BE(4)
    const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10)
    for (let index = 0; index < Math.min(questions + records, recordsMax); index++) {
      const name = readName(bytes, at)
      names.push(name.text)
      at = name.end + 4
      if (index < questions) continue
      const type = bytes.readUInt16BE(name.end)
      const length = bytes.readUInt16BE(at + 4)
      const data = bytes.subarray(at + 6, at + 6 + length)
      if (type === typeTxt) texts.push(...readTexts(data))
      at += 6 + length
    }
  } catch (error) {
    // What was read before it was cut off, or went wrong, still counts.
    if (!(error instanceof RangeError)) throw error
  }
  return { id: bytes.readUInt16BE(0), response, names, texts }
}

/** A name and where the bytes behind it begin. Throws a RangeError for one that is none. */
function readName(bytes: Buffer, start: number): { text: string; end: number } {
  const labels: string[] = []
  let at = start
  let end: number | undefined
  let total = 0
  for (let pointers = 0; ;) {
    const length = bytes.readUInt8(at)
    if (length >= 0xc0) {
      if (++pointers > pointersMax) throw new RangeError('A name points in circles')
      end ??= at + 2
      at = bytes.readUInt16BE(at) & 0x3fff
      continue
    }
    at++
    if (length === 0) break
    total += length + 1
    if (length > 63 || total > nameBytesMax) throw new RangeError('A name is too long')
    if (at + length > bytes.byteLength) throw new RangeError('A name is cut off')
    labels.push(bytes.toString('utf8', at, at + length))
    at += length
  }
  return { text: labels.join('.'), end: end ?? at }
}

function readTexts(data: Buffer): string[] {
  const texts: string[] = []
  for (let at = 0; at < data.byteLength;) {
    const length = data.readUInt8(at)
    texts.push(data.toString('utf8', at + 1, at + 1 + length))
    at += 1 + length
  }
  return texts
}
