<<<<<<<< HEAD:services/console/web/dist/assets/RootKeysScope-ENrX65Ro.js
import{p as e,r as t}from"./useSession-D3V6kZ0z.js";import{_ as n}from"./ExpiryCell-D25TqZsW.js";import{Ai as r}from"./base-Dt7p-MUC.js";var i=r();function a({children:r}){let{environments:a}=t(),o=e.filter(e=>a.some(t=>t.name===e));return(0,i.jsx)(n,{value:{kind:`root`,org:``,listPath:`/admin/root-api-keys`,present:o,may:()=>!0,reason:()=>void 0},children:r})}export{a as t};
========
import{p as e,r as t}from"./useSession-5ugKvlC_.js";import{_ as n}from"./ExpiryCell-B-AYX1Wm.js";import{Ai as r}from"./base-Dt7p-MUC.js";var i=r();function a({children:r}){let{environments:a}=t(),o=e.filter(e=>a.some(t=>t.name===e));return(0,i.jsx)(n,{value:{kind:`root`,org:``,listPath:`/admin/root-api-keys`,present:o,may:()=>!0,reason:()=>void 0},children:r})}export{a as t};
>>>>>>>> a1319a0 (Keep the account's preferences in every browser, and build the web app):services/console/web/dist/assets/RootKeysScope-UkWyQIrU.js
