// The queues of the demo: what each of its nodes serves.
import { shadeTile, type Tile } from './mandelbrot.ts'

/** Shades one tile of the poster: pure arithmetic, a good part of a second of it. */
export function tile(input: Tile): { readonly shades: string } {
  return { shades: Buffer.from(shadeTile(input)).toString('base64') }
}
