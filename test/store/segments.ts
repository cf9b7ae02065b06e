import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  entryHeaderBytes,
  parseSegmentName,
  readEntryHeader,
  segmentHeaderBytes,
} from '../../src/store/journal-format.ts'

/** Where an entry lies. */
export interface Place {
  readonly path: string
  readonly lsn: number
  /** Offsets in the file, in bytes. */
  readonly start: number
  readonly body: number
  readonly end: number
}

/** The segments of a data directory, in order. */
export function segmentsOf(dataDir: string): string[] {
  const journal = join(dataDir, 'journal')
  return readdirSync(journal)
    .filter(name => parseSegmentName(name) !== undefined)
    .toSorted()
    .map(name => join(journal, name))
}

/** Where the entries of an undamaged journal lie. */
export function placesOf(dataDir: string): Place[] {
  const places: Place[] = []
  for (const path of segmentsOf(dataDir)) {
    const bytes = readFileSync(path)
    let start = segmentHeaderBytes
    while (start + entryHeaderBytes <= bytes.byteLength) {
      const header = readEntryHeader(bytes, start)
      if (header === undefined) throw new Error(`no entry at ${start} of ${path}`)
      const body = start + entryHeaderBytes
      const end = body + header.bodyBytes
      places.push({ path, lsn: header.lsn, start, body, end })
      start = end
    }
  }
  return places
}

/** Where one entry lies. */
export function placeOf(dataDir: string, lsn: number): Place {
  const place = placesOf(dataDir).find(place => place.lsn === lsn)
  if (place === undefined) throw new Error(`there is no entry ${lsn}`)
  return place
}

/** Changes bits of one byte of a file. */
export function flip(path: string, offset: number, mask = 1): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(offset) ^ mask, offset)
  writeFileSync(path, bytes)
}
