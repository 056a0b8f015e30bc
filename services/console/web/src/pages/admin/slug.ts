/** The slug that a name suggests: lower-case letters, digits and single hyphens, beginning with a letter. */
export const slugOf = (name: string) =>
  name
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 64)
    .replace(/-+$/, '')

export const isSlug = (text: string) => /^[a-z](?:-?[a-z0-9]){2,63}$/.test(text)
