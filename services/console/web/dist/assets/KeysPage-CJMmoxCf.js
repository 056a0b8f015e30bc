<<<<<<<< HEAD:services/console/web/dist/assets/KeysPage-CJMmoxCf.js
import{t as e}from"./title-DlEWSr4q.js";import{g as t}from"./useSession-BFLr-ETz.js";import{t as n}from"./KeysView-ONQjrZpe.js";import{t as r}from"./OrganizationKeys-Bcebxpu0.js";import{Ai as i}from"./base-Dt7p-MUC.js";var a=i();function o(){return e(t.keys.title),(0,a.jsx)(r,{children:(0,a.jsx)(n,{title:t.keys.title,subtitle:t.keys.subtitle,createLabel:t.keys.create})})}export{o as KeysPage};
========
import{t as e}from"./title--aqPY26r.js";import{g as t}from"./useSession-D3V6kZ0z.js";import{t as n}from"./KeysView-B5zjl6j4.js";import{t as r}from"./OrganizationKeys-IKAGCVRg.js";import{Ai as i}from"./base-Dt7p-MUC.js";var a=i();function o(){return e(t.keys.title),(0,a.jsx)(r,{children:(0,a.jsx)(n,{title:t.keys.title,subtitle:t.keys.subtitle,createLabel:t.keys.create})})}export{o as KeysPage};
>>>>>>>> 35c0e90 (Build the web app):services/console/web/dist/assets/KeysPage-CSB4oFoS.js
