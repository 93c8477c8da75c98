'use strict';

// http-proxy-middleware#97 and later ones: responseInterceptor() appends each chunk of a response.

const http = require('node:http');
const express = require('express');
const { createProxyMiddleware, responseInterceptor } = require('http-proxy-middleware');

const app = express();
const proxyRes = responseInterceptor(async (buffer) => buffer);
const target = `http://127.0.0.1:${process.env.UPSTREAM}`;
app.use(createProxyMiddleware({ target, selfHandleResponse: true, on: { proxyRes } }));
require('./listen.js')(http.createServer(app));
