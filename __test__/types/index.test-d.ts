import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Gzip } from 'node:zlib';
import { metrics } from '@opentelemetry/api';
import { static as staticFiles } from 'express';
import * as promClient from 'prom-client';
import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import * as r from '../..';
import * as ofExpress from '../../types/express';
import * as ofHttp from '../../types/http';
import { noLeaks } from '../../types/test';

expectType<'native' | 'js'>(r.backend);
expectType<string | undefined>(r.backendReason);
const rows: r.Site = r.site('rows');
expectAssignable<Buffer>(rows.alloc(1, 'x', 'utf8'));
expectAssignable<Buffer>(rows.allocUnsafe(1));
expectAssignable<Buffer>(rows.from('x', 'utf8'));
expectAssignable<Buffer>(rows.from([1, 2]));
expectAssignable<Buffer>(rows.concat([Buffer.alloc(1)], 1));
expectType<boolean>(rows.free(new Uint8Array(1)));
expectType<boolean>(rows.free(undefined));
expectType<r.Hold>(rows.hold(Buffer.alloc(1)));
expectType<'leave' | 'request' | 'slab' | 'region' | null>(rows.stats().strategy);
expectType<void>(r.loadTable(new URL('file:///table.json')));
const tableOptions: r.LoadTableOptions = { suggested: true, maxSlabBytes: 1 << 26, guard: false };
expectType<void>(r.loadTable('table.json', tableOptions));
expectError(r.loadTable());
expectError(r.loadTable('table.json', { maxBytes: 1 }));
expectType<void>(r.configureDebug({ level: 'sample', sampleEvery: 64, stackDepth: 8 }));
r.configureDebug({
  report(report) {
    expectType<r.DebugReport>(report);
    expectType<`RALLOC_W_${string}`>(report.code);
    expectType<string | undefined>(report.allocated?.frames[0]?.file);
    expectAssignable<number>(report.count + report.bytes);
  },
});
r.configureDebug({ report: null, level: undefined });
expectAssignable<r.DebugLevel>('off');
expectType<never>(r.sampleStats());
expectType<readonly r.LeakGroup[]>(r.leakReport().holds);
expectError(r.leakReport(1));
expectType<Promise<number>>(noLeaks(() => 1));
expectType<Promise<string>>(noLeaks(async () => 'x', { waitMs: 5 }));
expectError(noLeaks());
expectError(noLeaks(() => 1, { wait: 5 }));
expectError(r.verify(1));
expectError(r.configureDebug());
expectError(r.configureDebug({ level: 'some' }));
expectError(r.configureDebug({ every: 1 }));
expectError(r.site(5));
expectError(rows.free('x'));
expectType<r.RequestArena | undefined>(r.current());
expectAssignable<Buffer>((r.current() ?? Buffer).allocUnsafe(1));
expectAssignable<Buffer>(r.perRequest.allocUnsafe(1));
expectAssignable<Buffer>(r.perRequest.alloc(1, 'x', 'utf8'));
expectAssignable<Buffer>(r.perRequest.from('x', 'utf8'));
expectAssignable<Buffer>(r.perRequest.concat([Buffer.alloc(1)], 1));
expectAssignable<Buffer>((r.current() ?? Buffer).alloc(1, 'x', 'utf8'));
expectAssignable<Buffer>((r.current() ?? Buffer).concat([Buffer.alloc(1)], 1));
expectAssignable<Buffer>((r.current() ?? Buffer).from('x', 'utf8'));
expectAssignable<Buffer>((r.current() ?? Buffer).from(new Uint8Array(1)));
expectType<boolean>(r.adaptPoolSize());
expectType<string | undefined>(r.flightRecorder({ dir: 'recordings' }).file);
expectType<void>(r.flightRecorder().close());
expectError(r.flightRecorder({ folder: 'recordings' }));
expectAssignable<string | undefined>(r.previousExit()?.line);
expectType<number>(r.stats().pool.perBuffer);
expectType<number>(r.release(Buffer.alloc(1)));
expectType<number>(r.release(new DataView(new ArrayBuffer(1))));
expectError(r.release(new ArrayBuffer(1)));
expectType<Gzip>(r.compressors({ maxIdle: 1 }).createGzip({ level: 1 }));
expectError(r.compressors({ maxIdle: '1' }));
createReadStream('file', r.files());
createReadStream('file', { start: 1, ...r.files({ size: 65536 }) });
staticFiles('folder', r.files());
staticFiles('folder', { maxAge: 1, ...r.files() });
expectError(r.files({ size: '1' }));
expectError(r.files({ pool: 1 }));
declare const source: NodeJS.ReadableStream;
declare const sink: NodeJS.WritableStream;
expectType<Promise<void>>(r.pump(source, sink, { signal: new AbortController().signal }));
expectType<Promise<number>>(r.pump(source, async () => 1));
expectError(r.pump(5, sink));

// Options
const arena = new r.Arena();
expectType<r.Arena>(
  new r.Arena({
    maxBytes: 1 << 20,
    chunkSize: 65_536,
    align: 64,
    safety: 'gc',
    wipe: true,
    name: 'mine',
    holdMs: 1000,
  }),
);
expectAssignable<r.ArenaOptions>({});
expectAssignable<r.MemoryOptions>({
  hugePages: 'prefer',
  lock: true,
  numaNode: 0,
  prefault: false,
});
expectType<r.Arena>(new r.Arena({ memory: { hugePages: 'advise' } }));
expectNotAssignable<r.ArenaOptions>({ memory: { hugePages: true } });
expectNotAssignable<r.ArenaOptions>({ memory: { node: 0 } });
expectError(new r.Arena({ maxBytes: '1 MiB' }));
expectError(new r.Arena({ safety: 'safe' }));
expectError(new r.Arena({ chunksize: 4096 }));
expectNotAssignable<r.Safety>('none');

// Allocation: Buffers of Node
expectType<Buffer<ArrayBuffer>>(arena.alloc(10));
expectType<Buffer<ArrayBuffer>>(arena.allocUnsafe(10));
expectError(arena.alloc('10'));
expectError(arena.alloc());
expectType<Buffer<ArrayBuffer>>(arena.from('text'));
expectType<Buffer<ArrayBuffer>>(arena.from('text', 'hex'));
expectError(arena.from('text', 'utf9'));
expectType<Buffer<ArrayBuffer>>(arena.from([1, 2, 3]));
expectType<Buffer<ArrayBuffer>>(arena.from(new Uint8Array(3)));
expectType<Buffer<ArrayBuffer>>(arena.from(new ArrayBuffer(3)));
expectType<Buffer<ArrayBuffer>>(arena.from({ type: 'Buffer', data: [1] }));
expectError(arena.from(5));
expectError(arena.from({}));
expectError(arena.from(new Set([1])));
expectAssignable<r.ArenaBuffer>(Buffer.alloc(1));
expectType<Buffer<ArrayBuffer>>(arena.concat([Buffer.alloc(1), new Uint8Array(2)]));
expectType<Buffer<ArrayBuffer>>(arena.concat([], 10));
expectError(arena.concat(['a']));

// Typed arrays
expectType<Float64Array<ArrayBuffer>>(arena.array(Float64Array, 10));
expectType<BigInt64Array<ArrayBuffer>>(arena.array(BigInt64Array, 10));
expectError(arena.array(DataView, 10));
expectError(arena.array(Float64Array));

// Checkpoints: only rewind's own
const checkpoint = arena.checkpoint();
expectType<void>(arena.rewind(checkpoint));
expectError(arena.rewind({}));

// Scopes give on what their function gives
expectType<number>(arena.scope((child) => child.alloc(10).length));
expectType<Promise<string>>(arena.scope(async (child) => child.alloc(10).toString()));
arena.scope((child) => expectType<r.Arena>(child));
expectError(arena.scope());

// Holds
expectType<r.Hold>(arena.hold());
expectType<Promise<number>>(arena.hold(Promise.resolve(5)));
declare const query: PromiseLike<string[]>;
expectType<Promise<string[]>>(arena.hold(query));
expectError(arena.hold(5));

// Bodies
declare const message: import('node:http').IncomingMessage;
expectType<Promise<r.ArenaBuffer>>(arena.collect(message));
expectType<Promise<r.ArenaBuffer>>(arena.collect(new Blob().stream(), { limit: 5 }));
expectType<Promise<r.ArenaBuffer>>(
  arena.collect(
    (async function* () {
      yield new Uint8Array(1);
    })(),
  ),
);
expectError(arena.collect('text'));
expectError(arena.collect([new Uint8Array(1)]));
expectError(arena.collect(message, { limits: 5 }));
expectType<Promise<r.ArenaBuffer>>(arena.body({ limit: 5, drainBytes: 6, drainMs: 7 }));
expectError(arena.body({ limit: '5' }));
expectType<Promise<r.ArenaBuffer[]>>(arena.chunks({ limit: 5, drainBytes: 6, drainMs: 7 }));
expectError(arena.chunks({ max: 5 }));
expectType<r.ArenaBuffer>(arena.adopt(new Uint8Array(5)));
expectType<r.ArenaBuffer>(arena.adopt(new DataView(new ArrayBuffer(5))));
expectError(arena.adopt('text'));
expectError(arena.adopt(new ArrayBuffer(5)));

// The rest
expectType<void>(arena.reserve(10));
expectAssignable<Disposable>(arena);
expectType<Buffer<ArrayBuffer>>(arena.copyOut(new Float64Array(1)));
expectType<boolean>(arena.owns('anything'));

expectType<r.ArenaStats>(arena.stats());

// The middleware
declare const req: IncomingMessage;
declare const res: ServerResponse;
const arenas = r.requestArena({ maxBytesPerRequest: 1 << 20, property: 'memory', context: true });
expectType<typeof r.requestArena>(ofExpress.requestArena);
expectAssignable<r.RequestArenas>(ofHttp.requestArena());
expectType<(req: IncomingMessage, res: ServerResponse) => number>(
  ofHttp.requestArena().wrap(() => 5),
);
expectError(ofHttp.requestArena().wrap('handler'));
expectAssignable<r.RequestArenaOptions>({ maxQuarantineBytes: 0 });
expectAssignable<r.RequestArenaOptions>({ name: 'api' });
expectNotAssignable<r.RequestArenaOptions>({ name: 1 });
expectAssignable<r.RequestArenaOptions>({
  onOverflow: 'error',
  maxHeapBytes: 0,
  warnAfterMs: 0,
  trim: false,
  tune: true,
  skip: ({ url }: IncomingMessage) => url === '/health',
});
expectNotAssignable<r.RequestArenaOptions>({ onOverflow: 'throw' });
expectNotAssignable<r.RequestArenaOptions>({ tune: 'on' });
expectNotAssignable<r.RequestArenaOptions>({ skip: async () => true });
expectType<r.RouteMiddleware>(
  arenas.route({ maxBytesPerRequest: 1 << 20, safety: 'gc', wipe: true }),
);
expectAssignable<r.RouteArenaOptions>({});
expectError(arenas.route({ maxBytes: 1 << 20 }));
expectType<number>(
  ofHttp
    .requestArena()
    .route({})
    .wrap(() => 5)(req, res),
);
expectError(r.requestArena({ maxByte: 1 }));
expectType<void>(arenas(req, res, () => {}));
expectType<r.RequestArena | undefined>(arenas.current());
expectType<boolean>(arenas.end({}));
expectError(arenas.end('req'));
expectType<Promise<number>>(arenas.close());
expectType<Promise<number>>(arenas.close({ timeoutMs: 5000 }));
expectError(arenas.close({ timeout: 5000 }));
expectAssignable<r.RequestArenaHandle>(arenas);
expectAssignable<r.RequestArenaCloseOptions>({});
declare const expressRequest: Express.Request;
expectType<r.RequestArena>(expressRequest.arena);
expectType<r.RequestArena>(req.arena);
declare const http2Request: Http2ServerRequest;
declare const http2Response: Http2ServerResponse;
expectType<void>(arenas(http2Request, http2Response, () => {}));
expectType<r.RequestArena>(http2Request.arena);

// A request's arena: an Arena without its end
expectType<Buffer<ArrayBuffer>>(req.arena.alloc(10));
expectType<Buffer<ArrayBuffer>>(req.arena.from('text', 'hex'));
expectType<Float64Array<ArrayBuffer>>(req.arena.array(Float64Array, 10));
expectType<r.Hold>(req.arena.hold());
expectType<Promise<number>>(req.arena.hold(Promise.resolve(5)));
expectType<number>(req.arena.scope((child: r.Arena) => child.alloc(10).length));
expectError(req.arena.close());
expectNotAssignable<Disposable>(req.arena);
expectNotAssignable<r.Arena>(req.arena);
expectAssignable<r.RequestArena>(arena);

// Errors
declare const error: unknown;
if (error instanceof r.RallocError) {
  expectType<r.RallocErrorCode>(error.code);
  expectType<number | undefined>(error.requested);
  expectType<400 | 413 | 429 | 503 | undefined>(error.status);
  expectType<string | undefined>(error.budget);
  expectType<number | undefined>(error.limit);
  expectType<string | undefined>(error.option);
  expectType<string | undefined>(error.syscall);
  if (error.code === 'ERR_RALLOC_LIMIT') expectType<'ERR_RALLOC_LIMIT'>(error.code);
}
expectNotAssignable<r.RallocErrorCode>('ERR_RALLOC_LIMITS');
expectNotAssignable<new (code: r.RallocErrorCode, message: string) => r.RallocError>(r.RallocError);

// Slabs
const mine = new r.Slab({ sizes: [64, 1024], count: [8, 4], safety: 'recycle', warnAfterMs: 1000 });
expectError(new r.Slab());
expectError(new r.Slab({ count: 1 }));
expectError(new r.Slab({ sizes: 64, count: 1 }));
expectError(new r.Slab({ sizes: [64], count: '8' }));
expectError(new r.Slab({ sizes: [64], count: 8, safety: 'detach' }));
expectAssignable<r.SlabOptions>({ sizes: [64] as const, maxCount: 8 });
expectType<r.SlabBuffer>(mine.alloc(10));
expectType<r.SlabBuffer>(mine.allocUnsafe(10));
expectType<r.SlabBuffer | null>(mine.tryAlloc(10));
expectType<r.SlabBuffer | null>(mine.tryAllocUnsafe(10));
expectNotAssignable<Buffer>(mine.tryAlloc(10));
expectAssignable<Buffer<ArrayBuffer>>(mine.alloc(10));
expectAssignable<Disposable>(mine.alloc(10));
expectAssignable<Disposable | null>(mine.tryAlloc(10));
expectType<void>(mine.free(mine.tryAlloc(10)));
expectError(mine.free('text'));
expectType<number>(mine.use(10, (buffer) => buffer.length));
mine.use(10, (buffer) => expectType<r.SlabBuffer>(buffer));
expectType<Promise<number>>(mine.use(10, async (buffer) => buffer.length));
expectType<number>(mine.send(mine.alloc(1)));
expectType<r.SlabBuffer>(mine.receive(5));
expectType<r.SlabBuffer>(mine.revoke(5));
const between = r.Slab.create('/frames', { sizes: [64], count: 8, transitMs: 5, timeoutMs: 5 });
expectType<r.Slab>(r.Slab.create(null, { sizes: [64], count: 8 }));
expectType<r.Slab>(r.Slab.open('/frames', { onRecovered: ({ pid, slots }) => pid + slots }));
expectType<r.Slab>(r.Slab.open(3));
expectType<r.Slab>(r.Slab.openOrCreate('/frames', { sizes: [64], count: [8] }));
expectType<r.Slab>(r.Slab.create('/frames', { sizes: [64], count: 8, memory: { numaNode: 0 } }));
expectType<r.Slab>(r.Slab.open('/frames', { memory: { lock: true, hugePages: 'advise' } }));
expectError(r.Slab.open('/frames', { memory: { numaNode: 0 } }));
expectType<void>(between.bind(0));
expectError(between.bind('0'));
expectError(r.Slab.create('/frames'));
expectError(r.Slab.create('/frames', { sizes: [64], maxCount: 8 }));
expectError(r.Slab.open('/frames', { sizes: [64] }));
expectType<boolean>(r.Slab.unlink('/frames'));
expectType<number | null>(between.fd);
expectType<r.Slab>(r.Slab.attach(mine.handle(), { safety: 'checked' }));
expectError(r.Slab.attach(mine.handle(), { sizes: [64] }));
expectError(r.Slab.attach(5));
expectError(mine.sizes.push(5));
expectType<void>(mine.close({ force: true }));
expectNotAssignable<r.SlabHandle>({ id: 5 });

// Admission
declare const ofBudget: r.Budget;
const admit = r.admission({
  budget: ofBudget,
  key: (req) => req.url ?? '',
  wait: { timeoutMs: 5 },
});
expectAssignable<r.AdmissionHandle>(admit);
expectError(r.admission());
expectError(r.admission({ key: () => '' }));
expectError(r.admission({ budget: ofBudget, key: () => 1 }));
expectError(r.admission({ budget: ofBudget, wait: 5000 }));
expectAssignable<r.AdmissionOptions>({
  budget: ofBudget,
  factor: undefined,
  maxKeys: 5,
  wait: false,
});
expectAssignable<r.AdmissionWait>({});
expectType<string | undefined>(admit.stats().lastRefusal);
expectType<void>(admit.attach({}));

// Budgets
const whole = new r.Budget({ name: 'server', maxBytes: 1 << 30 });
const tenant = new r.Budget({
  maxBytes: 1 << 20,
  parent: whole,
  reserve: 1 << 10,
  name: undefined,
});
expectError(new r.Budget());
expectError(new r.Budget({ name: 'without a limit' }));
expectError(new r.Budget({ maxBytes: '1' }));
expectError(new r.Budget({ maxBytes: 1, parent: {} }));
expectAssignable<r.BudgetOptions>({ maxBytes: 1, parent: undefined });
expectType<r.Budget>(new r.Budget({ maxBytes: 'auto', share: 4 }));
expectError(new r.Budget({ maxBytes: 'all' }));
expectType<r.BudgetAuto | null>(tenant.stats().auto);
expectType<r.Charge | null>(tenant.tryCharge(10));
expectType<r.Charge>(tenant.charge(10));
expectType<Promise<r.Charge>>(tenant.acquire(10));
expectType<Promise<r.Charge>>(tenant.acquire(10, { signal: AbortSignal.timeout(5), timeoutMs: 5 }));
expectError(tenant.acquire(10, { timeout: 5 }));
expectAssignable<r.BudgetAcquireOptions>({ signal: undefined });
declare const charge: r.Charge;
expectType<void>(charge.grow(5));
expectType<boolean>(charge.tryGrow(5));
expectType<void>(charge.shrink(5));
expectAssignable<Disposable>(charge);
expectType<() => void>(tenant.onPressure((pressure) => expectType<r.BudgetPressure>(pressure)));
expectError(tenant.onPressure());
expectType<r.Arena>(new r.Arena({ budget: tenant }));
expectType<r.Region>(new r.Region({ budget: tenant }));
expectType<r.Slab>(new r.Slab({ sizes: [8], count: 1, budget: undefined }));
expectError(new r.Arena({ budget: 5 }));
r.requestArena({ budget: tenant });
r.requestArena({ budget: (req) => req.tenant });
expectError(r.requestArena({ budget: () => 5 }));
expectType<void>(tenant.resize(5));
expectType<r.Budget | undefined>(tenant.parent);

// Regions
const region = new r.Region({ maxBytes: 2 ** 30, chunkSize: 2 ** 22, collectWhenIdle: false });
expectType<r.Region>(new r.Region({ autoFree: true, guard: true, name: 'cache' }));
expectAssignable<r.RegionOptions>({});
expectNotAssignable<r.RegionOptions>({ maxBytes: '1' });
expectError(new r.Region({ sizes: [64] }));
expectType<r.RegionBuffer>(region.alloc(5000));
expectType<r.RegionBuffer>(region.alloc(5000, 'text', 'utf8'));
expectType<r.RegionBuffer>(region.allocUnsafe(5000));
expectType<r.RegionBuffer | null>(region.tryAlloc(5000, 1));
expectType<r.RegionBuffer | null>(region.tryAllocUnsafe(5000));
expectAssignable<Buffer>(region.alloc(1));
expectType<void>(region.free(region.tryAlloc(1)));
expectError(region.free('text'));
expectType<boolean>(region.owns(undefined));
expectType<void>(region.close({ force: true }));
expectError(region.close({ forced: true }));
expectAssignable<Disposable>(region);

expectType<void>(r.collectMetrics(promClient));
expectType<void>(
  r.collectMetrics(promClient, { register: new promClient.Registry(), prefix: 'a_' }),
);
expectError(r.collectMetrics({}));
expectError(r.collectMetrics(promClient, { labels: { zone: 1 } }));
expectType<string>(r.metricsText({ openMetrics: true, labels: { zone: 'a' } }));
expectType<string>(r.metricsContentType({ openMetrics: 'text/plain' }));
expectType<() => void>(r.observeMetrics(metrics.getMeter('a')));
expectError(r.observeMetrics({}));
