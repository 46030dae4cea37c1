/** How text is put into HTML: in mails and in pages, inside elements and inside attributes in quotation marks. */

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${String(sign.charCodeAt(0))};`);
}
