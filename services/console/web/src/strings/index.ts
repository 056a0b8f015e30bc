// Every text that people read stands in this folder, one file for each part of the console. Here is what every page needs;
// pages of a part import its file, so that its texts are loaded with them.
import { common, environment } from './common'
import { keys } from './keys'
import { keyForm } from './keyForm'
import { shell } from './shell'

export const t = { common, environment, shell, keys, keyForm }
