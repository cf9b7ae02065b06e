/** Characters that no POSIX shell makes anything of; `~` and `=` are not among them. */
const plain = /^[-_.+a-zA-Z0-9/]+$/

/** A word for a POSIX shell, quoted if it has to be, as GNU Parallel does. */
export function quote(word: string): string {
  if (word === '') return "''"
  if (plain.test(word)) return word
  const quoted = `'${word.replaceAll("'", `'"'"'`)}'`
  return quoted.replace(/^''/, '').replace(/''$/, '')
}
