/**
 * What keeping a repository costs: a table of prices that anybody can edit, and an estimate made of
 * it. Pure arithmetic; nothing here knows what a provider will really put on its bill.
 */
export * from './estimate.ts';
export { parsePrices } from './parse-prices.ts';
export * from './price-table.ts';
