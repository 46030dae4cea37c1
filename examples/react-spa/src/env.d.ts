/** Where the API is, when it is not behind this page's own origin: `VITE_API=http://localhost:4000 npm start`. */
interface ImportMetaEnv {
  readonly VITE_API?: string;
}
