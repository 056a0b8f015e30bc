import { Bar } from '../Skeleton'
import type { Column } from './columns'

/** Rows in their final widths while the first page is coming. */
export function LoadingRows<T>({ columns, label }: { columns: Column<T>[]; label: string }) {
  return (
    <table className="w-full border-separate border-spacing-0 text-13" aria-busy="true" aria-label={label}>
      <thead className="max-wide:hidden">
        <tr>
          {columns.map((column) => (
            <th key={column.id} scope="col" className="h-8 border-b border-line-strong pr-3 text-left text-12 font-medium whitespace-nowrap text-muted first:pl-4 wide:first:pl-6">
              {column.header}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {Array.from({ length: 8 }, (_, row) => (
          <tr key={row} className="h-[var(--row,var(--size-row))]">
            {columns.map((column, index) => (
              <td key={column.id} className={`border-b border-line pr-3 first:pl-4 wide:first:pl-6 ${index > 1 ? 'max-wide:hidden' : ''}`}>
                <Bar className={column.bar ?? 'w-20'} />
                {index === 0 && <Bar className="mt-2 w-24" />}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
