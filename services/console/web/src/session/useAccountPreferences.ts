import { useEffect } from 'react'
import { adoptPreferences } from '@/lib/preferences'
import { useSession } from './useSession'

/** In a browser that has made no choice yet, the account's preferences hold. */
export function useAccountPreferences() {
  const { preferences } = useSession().user
  useEffect(() => adoptPreferences(preferences), [preferences])
}
