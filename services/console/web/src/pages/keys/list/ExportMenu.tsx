import { Download } from 'lucide-react'
import { Button } from '@/kit/Button'
import { Menu, MenuItem } from '@/kit/Menu'
import { toast } from '@/kit/Toast'
import type { Environment } from '@/lib/environments'
import type { Call } from '@/lib/http'
import { useAct } from '@/lib/useAct'
import { t } from '@/strings'
import { useKeyScope } from '../scope'
import { allKeys, saveKeys } from './export'

/** Saves what the filters let through, all of it, as a file. */
export function ExportMenu({ environments, query }: { environments: readonly Environment[]; query: Call['query'] }) {
  const scope = useKeyScope()
  const act = useAct()
  const save = async (form: 'csv' | 'ndjson') => {
    const found = await act.run(() => allKeys(scope, environments, query))
    if (!found) return
    saveKeys(found.value, form)
    toast(t.keys.exported(found.value.length))
  }
  return (
    <>
      <Menu
        trigger={
          <Button icon={<Download aria-hidden />} busy={act.isBusy && t.keys.exporting} className="max-wide:hidden">
            {t.keys.export}
          </Button>
        }
      >
        <MenuItem onSelect={() => void save('csv')}>{t.keys.exportCsv}</MenuItem>
        <MenuItem onSelect={() => void save('ndjson')}>{t.keys.exportLines}</MenuItem>
      </Menu>
      {act.failure && (
        <span role="alert" className="text-12 text-danger">
          {act.failure.problem.detail}
        </span>
      )}
    </>
  )
}
