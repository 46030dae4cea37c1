/** The least Express application. */
import express from 'express';

const app = express();
app.get('/', (_request, response) => response.json({ ok: true }));
app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
