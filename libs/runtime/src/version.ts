/** Version of the whole product. */
export const VERSION = '0.1.0';
