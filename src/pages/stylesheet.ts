/** How our pages look, in light and dark; enough contrast, large enough to be pressed, nothing from elsewhere. */

export const stylesheet: string = `
:root{color-scheme:light dark;--back:#f4f4f5;--card:#fff;--text:#18181b;--quiet:#52525b;--line:#a1a1aa;--accent:#1d4ed8;--on-accent:#fff;--bad:#b91c1c;--good:#15803d}
@media (prefers-color-scheme:dark){:root{--back:#18181b;--card:#27272a;--text:#fafafa;--quiet:#a1a1aa;--line:#71717a;--accent:#93c5fd;--on-accent:#172554;--bad:#fca5a5;--good:#86efac}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--back);color:var(--text);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:28rem;padding:2rem;background:var(--card);border-radius:.75rem}
main.wide{max-width:60rem}
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25}
p{margin:0 0 1rem}
.service{color:var(--quiet);font-size:.875rem}
label{display:block;margin-bottom:.25rem;font-weight:600}
input{width:100%;margin-bottom:1rem;padding:.625rem .75rem;font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:.375rem}
button{width:100%;padding:.75rem 1rem;font:inherit;font-weight:600;color:var(--on-accent);background:var(--accent);border:0;border-radius:.375rem;cursor:pointer}
button:disabled{opacity:.6;cursor:default}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
#status{margin:1rem 0 0;min-height:1.5em}
#status:empty{margin:0;min-height:0}
.error{color:var(--bad)}
.done{color:var(--good)}
article{margin:1.5rem 0 0;padding:1rem 0 0;border-top:1px solid var(--line)}
article h2{margin:0;font-size:1.125rem}
pre{margin:.5rem 0 0;white-space:pre-wrap;overflow-wrap:anywhere;font:.875rem/1.5 ui-monospace,Menlo,Consolas,monospace}
a{color:var(--accent)}
`;
