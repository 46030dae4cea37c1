/** What a page must not have, whoever looks at it and on whatever: found in the page itself. */
import type { Page } from 'playwright-core';

/** In words; empty when all is well. */
export function faultsOf(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Colour = readonly [red: number, green: number, blue: number, opacity: number];
    const isVisible = (element: Element) => element.checkVisibility({ visibilityProperty: true });
    const all = <Found extends Element>(selector: string) => [...document.querySelectorAll<Found>(selector)].filter(isVisible);
    const faults: string[] = [];

    if (document.documentElement.lang === '') faults.push('no language');
    if (document.title === '') faults.push('no title');
    if (document.documentElement.scrollWidth > innerWidth) faults.push(`scrolls sideways: ${document.documentElement.scrollWidth}`);
    if (all('h1').length !== 1) faults.push(`${all('h1').length} headings of the first level`);
    for (const input of all<HTMLInputElement>('input')) if (!input.labels?.length) faults.push(`no label: ${input.outerHTML}`);
    for (const button of all('button, a'))
      if ((button.ariaLabel ?? button.textContent).trim() === '') faults.push(`no name: ${button.outerHTML}`);
    for (const { id } of all('[id]')) if (document.querySelectorAll(`#${CSS.escape(id)}`).length > 1) faults.push(`twice: #${id}`);

    const colour = (text: string): Colour => {
      const [red = 0, green = 0, blue = 0, opacity = 1] = [...text.matchAll(/[\d.]+/g)].map(Number);
      return [red, green, blue, opacity];
    };
    const luminance = (each: Colour) => {
      const [red = 0, green = 0, blue = 0] = each.slice(0, 3).map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const backgroundOf = (element: Element | null): Colour => {
      if (element === null) return [255, 255, 255, 1];
      const own = colour(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : backgroundOf(element.parentElement);
    };
    const contrast = (one: Colour, other: Colour) => {
      const [lighter = 0, darker = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
      return (lighter + 0.05) / (darker + 0.05);
    };
    for (const element of all('body *')) {
      const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.nodeValue?.trim() !== '');
      if (!hasText) continue;
      const ratio = contrast(colour(getComputedStyle(element).color), backgroundOf(element));
      if (ratio < 4.5) faults.push(`contrast of ${ratio.toFixed(2)}: ${element.textContent}`);
    }
    for (const input of all('.field input, button.quiet, button.danger')) {
      const ratio = contrast(colour(getComputedStyle(input).borderTopColor), backgroundOf(input.parentElement));
      if (ratio < 3) faults.push(`contrast of the edge of ${ratio.toFixed(2)}: ${input.outerHTML}`);
    }
    return faults;
  });
}
