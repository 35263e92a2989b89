/** Where a catalog is copied to by the process that is killed. */
export function copiedCatalogUrl(root: string): string {
  return `sqlite:${root}/copied.db`;
}
