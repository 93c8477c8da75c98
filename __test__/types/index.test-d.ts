import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Gzip } from 'node:zlib';
import { metrics } from '@opentelemetry/api';
import { static as staticFiles } from 'express';
import * as promClient from 'prom-client';
import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import {
  type Admission,
  type AdmissionHandle,
  type AdmissionOptions,
  type AdmissionStats,
  type AdmissionWait,
  Arena,
  type ArenaBuffer,
  type ArenaOptions,
  type ArenaStats,
  admission,
  type BodyStats,
  Budget,
  type BudgetAcquireOptions,
  type BudgetAuto,
  type BudgetOptions,
  type BudgetPressure,
  type BudgetStats,
  backend,
  backendReason,
  type Charge,
  type Checkpoint,
  type ChunkStats,
  type CompressorStats,
  collectMetrics,
  compressors,
  configureDebug,
  current,
  type DebugLevel,
  type DebugReport,
  type DepotStats,
  type FileStats,
  files,
  type Hold,
  type LeakGroup,
  type LeakReport,
  type LoadTableOptions,
  leakReport,
  loadTable,
  type MemoryOptions,
  type MemoryStats,
  metricsContentType,
  metricsText,
  observeMetrics,
  perRequest,
  stats as processStats,
  pump,
  RallocError,
  type RallocErrorCode,
  Region,
  type RegionBuffer,
  type RegionCollected,
  type RegionOptions,
  type RegionStats,
  type RequestArena,
  type RequestArenaCloseOptions,
  type RequestArenaHandle,
  type RequestArenaOptions,
  type RequestArenaStats,
  type RequestArenas,
  type RouteArenaOptions,
  type RouteMiddleware,
  release,
  requestArena,
  type Safety,
  type Site,
  type SiteStats,
  type SitesStats,
  Slab,
  type SlabBuffer,
  type SlabHandle,
  type SlabOptions,
  type SlabParticipant,
  type SlabRecovered,
  type SlabStats,
  type Stats,
  type StreamStats,
  sampleStats,
  site,
  slab,
  type TuneState,
  verify,
  version,
} from '../..';
import * as ofExpress from '../../types/express';
import * as ofHttp from '../../types/http';
import { noLeaks } from '../../types/test';

expectType<'native' | 'js'>(backend);
expectType<string | undefined>(backendReason);
expectType<string>(version);
const rows: Site = site('rows');
expectType<string>(rows.name);
expectAssignable<Buffer>(rows.alloc(1, 'x', 'utf8'));
expectAssignable<Buffer>(rows.allocUnsafe(1));
expectAssignable<Buffer>(rows.from('x', 'utf8'));
expectAssignable<Buffer>(rows.from([1, 2]));
expectAssignable<Buffer>(rows.concat([Buffer.alloc(1)], 1));
expectType<boolean>(rows.free(new Uint8Array(1)));
expectType<boolean>(rows.free(undefined));
expectType<Hold>(rows.hold(Buffer.alloc(1)));
expectType<SiteStats>(rows.stats());
expectType<SitesStats>(site.stats());
expectType<'leave' | 'request' | 'slab' | 'region' | null>(rows.stats().strategy);
expectType<void>(loadTable(new URL('file:///table.json')));
const tableOptions: LoadTableOptions = { suggested: true, maxSlabBytes: 1 << 26, guard: false };
expectType<void>(loadTable('table.json', tableOptions));
expectError(loadTable());
expectError(loadTable('table.json', { maxBytes: 1 }));
expectType<void>(configureDebug({ level: 'sample', sampleEvery: 64, stackDepth: 8 }));
configureDebug({
  report(report) {
    expectType<DebugReport>(report);
    expectType<`RALLOC_W_${string}`>(report.code);
    expectType<string | undefined>(report.allocated?.frames[0]?.file);
    expectAssignable<number>(report.count + report.bytes);
  },
});
configureDebug({ report: null, level: undefined });
expectAssignable<DebugLevel>('off');
expectType<number>(verify());
expectType<never>(sampleStats());
expectType<LeakReport>(leakReport());
expectType<readonly LeakGroup[]>(leakReport().holds);
expectError(leakReport(1));
expectType<Promise<number>>(noLeaks(() => 1));
expectType<Promise<string>>(noLeaks(async () => 'x', { waitMs: 5 }));
expectError(noLeaks());
expectError(noLeaks(() => 1, { wait: 5 }));
expectError(verify(1));
expectError(configureDebug());
expectError(configureDebug({ level: 'some' }));
expectError(configureDebug({ every: 1 }));
expectError(site(5));
expectError(rows.free('x'));
expectType<RequestArena | undefined>(current());
expectAssignable<Buffer>((current() ?? Buffer).allocUnsafe(1));
expectAssignable<Buffer>(perRequest.allocUnsafe(1));
expectAssignable<Buffer>(perRequest.alloc(1, 'x', 'utf8'));
expectAssignable<Buffer>(perRequest.from('x', 'utf8'));
expectAssignable<Buffer>(perRequest.concat([Buffer.alloc(1)], 1));
expectAssignable<Buffer>((current() ?? Buffer).alloc(1, 'x', 'utf8'));
expectAssignable<Buffer>((current() ?? Buffer).concat([Buffer.alloc(1)], 1));
expectAssignable<Buffer>((current() ?? Buffer).from('x', 'utf8'));
expectAssignable<Buffer>((current() ?? Buffer).from(new Uint8Array(1)));
expectType<number>(release(Buffer.alloc(1)));
expectType<number>(release(new DataView(new ArrayBuffer(1))));
expectError(release(new ArrayBuffer(1)));
expectType<BodyStats>(processStats().bodies);
expectType<number>(processStats().bodies.left.shared);
expectType<number>(processStats().bodies.links.released);
expectType<CompressorStats>(processStats().compressors);
expectType<FileStats>(processStats().files);
expectType<StreamStats>(processStats().streams);
expectType<Gzip>(compressors({ maxIdle: 1 }).createGzip({ level: 1 }));
expectError(compressors({ maxIdle: '1' }));
createReadStream('file', files());
createReadStream('file', { start: 1, ...files({ size: 65536 }) });
staticFiles('folder', files());
staticFiles('folder', { maxAge: 1, ...files() });
expectError(files({ size: '1' }));
expectError(files({ pool: 1 }));
declare const source: NodeJS.ReadableStream;
declare const sink: NodeJS.WritableStream;
expectType<Promise<void>>(pump(source, sink, { signal: new AbortController().signal }));
expectType<Promise<number>>(pump(source, async () => 1));
expectError(pump(5, sink));

// Options
const arena = new Arena();
expectType<Arena>(
  new Arena({
    maxBytes: 1 << 20,
    chunkSize: 65_536,
    align: 64,
    safety: 'gc',
    wipe: true,
    name: 'mine',
    holdMs: 1000,
  }),
);
expectAssignable<ArenaOptions>({});
expectAssignable<MemoryOptions>({ hugePages: 'prefer', lock: true, numaNode: 0, prefault: false });
expectType<Arena>(new Arena({ memory: { hugePages: 'advise' } }));
expectNotAssignable<ArenaOptions>({ memory: { hugePages: true } });
expectNotAssignable<ArenaOptions>({ memory: { node: 0 } });
expectType<Stats>(processStats());
expectType<DepotStats>(processStats().depot);
expectType<number>(processStats().depot.hitRate);
expectError(new Arena({ maxBytes: '1 MiB' }));
expectError(new Arena({ safety: 'safe' }));
expectError(new Arena({ chunksize: 4096 }));
expectNotAssignable<Safety>('none');

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
expectAssignable<ArenaBuffer>(Buffer.alloc(1));
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
expectType<Checkpoint>(checkpoint);
expectType<void>(arena.rewind(checkpoint));
expectError(arena.rewind({}));

// Scopes give on what their function gives
expectType<number>(arena.scope((child) => child.alloc(10).length));
expectType<Promise<string>>(arena.scope(async (child) => child.alloc(10).toString()));
arena.scope((child) => expectType<Arena>(child));
expectError(arena.scope());

// Holds
const hold = arena.hold();
expectType<Hold>(hold);
expectType<void>(hold.release());
expectType<void>(hold[Symbol.dispose]());
expectType<Promise<number>>(arena.hold(Promise.resolve(5)));
declare const query: PromiseLike<string[]>;
expectType<Promise<string[]>>(arena.hold(query));
expectError(arena.hold(5));

// Bodies
declare const message: import('node:http').IncomingMessage;
expectType<Promise<ArenaBuffer>>(arena.collect(message));
expectType<Promise<ArenaBuffer>>(arena.collect(new Blob().stream(), { limit: 5 }));
expectType<Promise<ArenaBuffer>>(
  arena.collect(
    (async function* () {
      yield new Uint8Array(1);
    })(),
  ),
);
expectError(arena.collect('text'));
expectError(arena.collect([new Uint8Array(1)]));
expectError(arena.collect(message, { limits: 5 }));
expectType<Promise<ArenaBuffer>>(arena.body({ limit: 5, drainBytes: 6, drainMs: 7 }));
expectError(arena.body({ limit: '5' }));
expectType<Promise<ArenaBuffer[]>>(arena.chunks({ limit: 5, drainBytes: 6, drainMs: 7 }));
expectError(arena.chunks({ max: 5 }));
expectType<ArenaBuffer>(arena.adopt(new Uint8Array(5)));
expectType<ArenaBuffer>(arena.adopt(new DataView(new ArrayBuffer(5))));
expectError(arena.adopt('text'));
expectError(arena.adopt(new ArrayBuffer(5)));

// The rest
expectType<void>(arena.reset());
expectType<void>(arena.reserve(10));
expectType<void>(arena.shrink());
expectType<void>(arena.close());
expectType<void>(arena[Symbol.dispose]());
expectAssignable<Disposable>(arena);
expectType<Buffer<ArrayBuffer>>(arena.copyOut(new Float64Array(1)));
expectType<boolean>(arena.owns('anything'));

const stats = arena.stats();
expectType<ArenaStats>(stats);
expectType<MemoryStats>(stats.memory);
expectType<number>(stats.memory.quarantined);
expectType<ChunkStats[]>(arena.chunkStats());

// The middleware
declare const req: IncomingMessage;
declare const res: ServerResponse;
const arenas = requestArena({ maxBytesPerRequest: 1 << 20, property: 'memory', context: true });
expectType<RequestArenas>(arenas);
expectType<typeof requestArena>(ofExpress.requestArena);
expectType<ofHttp.HttpRequestArenas>(ofHttp.requestArena());
expectAssignable<RequestArenas>(ofHttp.requestArena());
expectType<(req: IncomingMessage, res: ServerResponse) => number>(
  ofHttp.requestArena().wrap(() => 5),
);
expectError(ofHttp.requestArena().wrap('handler'));
expectAssignable<RequestArenaOptions>({ maxQuarantineBytes: 0 });
expectAssignable<RequestArenaOptions>({ name: 'api' });
expectNotAssignable<RequestArenaOptions>({ name: 1 });
expectAssignable<RequestArenaOptions>({
  onOverflow: 'error',
  maxHeapBytes: 0,
  warnAfterMs: 0,
  trim: false,
  tune: true,
  skip: ({ url }: IncomingMessage) => url === '/health',
});
expectNotAssignable<RequestArenaOptions>({ onOverflow: 'throw' });
expectNotAssignable<RequestArenaOptions>({ tune: 'on' });
expectNotAssignable<RequestArenaOptions>({ skip: async () => true });
expectType<RouteMiddleware>(
  arenas.route({ maxBytesPerRequest: 1 << 20, safety: 'gc', wipe: true }),
);
expectAssignable<RouteArenaOptions>({});
expectError(arenas.route({ maxBytes: 1 << 20 }));
expectType<number>(arenas.stats().heap.used);
expectType<number>(arenas.stats().refused);
expectType<TuneState>(arenas.stats().tuned);
expectType<number>(
  ofHttp
    .requestArena()
    .route({})
    .wrap(() => 5)(req, res),
);
expectError(requestArena({ maxByte: 1 }));
expectType<void>(arenas(req, res, () => {}));
expectType<RequestArenaStats>(arenas.stats());
expectType<RequestArena | undefined>(arenas.current());
expectType<boolean>(arenas.end({}));
expectError(arenas.end('req'));
expectType<Promise<number>>(arenas.close());
expectType<Promise<number>>(arenas.close({ timeoutMs: 5000 }));
expectError(arenas.close({ timeout: 5000 }));
expectAssignable<RequestArenaHandle>(arenas);
expectAssignable<RequestArenaCloseOptions>({});
declare const expressRequest: Express.Request;
expectType<RequestArena>(expressRequest.arena);
expectType<RequestArena>(req.arena);
declare const http2Request: Http2ServerRequest;
declare const http2Response: Http2ServerResponse;
expectType<void>(arenas(http2Request, http2Response, () => {}));
expectType<RequestArena>(http2Request.arena);

// A request's arena: an Arena without its end
expectType<Buffer<ArrayBuffer>>(req.arena.alloc(10));
expectType<Buffer<ArrayBuffer>>(req.arena.from('text', 'hex'));
expectType<Float64Array<ArrayBuffer>>(req.arena.array(Float64Array, 10));
expectType<Hold>(req.arena.hold());
expectType<Promise<number>>(req.arena.hold(Promise.resolve(5)));
expectType<number>(req.arena.scope((child: Arena) => child.alloc(10).length));
expectType<void>(req.arena.reset());
expectError(req.arena.close());
expectNotAssignable<Disposable>(req.arena);
expectNotAssignable<Arena>(req.arena);
expectAssignable<RequestArena>(arena);

// Errors
declare const error: unknown;
if (error instanceof RallocError) {
  expectType<RallocErrorCode>(error.code);
  expectType<number | undefined>(error.requested);
  expectType<400 | 413 | 429 | 503 | undefined>(error.status);
  expectType<string | undefined>(error.budget);
  expectType<number | undefined>(error.limit);
  expectType<string | undefined>(error.option);
  expectType<string | undefined>(error.syscall);
  if (error.code === 'ERR_RALLOC_LIMIT') expectType<'ERR_RALLOC_LIMIT'>(error.code);
}
expectNotAssignable<RallocErrorCode>('ERR_RALLOC_LIMITS');
expectNotAssignable<new (code: RallocErrorCode, message: string) => RallocError>(RallocError);

// Slabs
const mine = new Slab({ sizes: [64, 1024], count: [8, 4], safety: 'recycle', warnAfterMs: 1000 });
expectError(new Slab());
expectError(new Slab({ count: 1 }));
expectError(new Slab({ sizes: 64, count: 1 }));
expectError(new Slab({ sizes: [64], count: '8' }));
expectError(new Slab({ sizes: [64], count: 8, safety: 'detach' }));
expectAssignable<SlabOptions>({ sizes: [64] as const, maxCount: 8 });
expectType<SlabBuffer>(mine.alloc(10));
expectType<SlabBuffer>(mine.allocUnsafe(10));
expectType<SlabBuffer | null>(mine.tryAlloc(10));
expectType<SlabBuffer | null>(mine.tryAllocUnsafe(10));
expectNotAssignable<Buffer>(mine.tryAlloc(10));
expectAssignable<Buffer<ArrayBuffer>>(mine.alloc(10));
expectAssignable<Disposable>(mine.alloc(10));
expectAssignable<Disposable | null>(mine.tryAlloc(10));
expectType<void>(mine.free(mine.tryAlloc(10)));
expectError(mine.free('text'));
expectType<number>(mine.use(10, (buffer) => buffer.length));
mine.use(10, (buffer) => expectType<SlabBuffer>(buffer));
expectType<Promise<number>>(mine.use(10, async (buffer) => buffer.length));
expectType<number>(mine.send(mine.alloc(1)));
expectType<SlabBuffer>(mine.receive(5));
expectType<SlabBuffer>(mine.revoke(5));
const between = Slab.create('/frames', { sizes: [64], count: 8, transitMs: 5, timeoutMs: 5 });
expectType<Slab>(Slab.create(null, { sizes: [64], count: 8 }));
expectType<Slab>(Slab.open('/frames', { onRecovered: ({ pid, slots }) => pid + slots }));
expectType<Slab>(Slab.open(3));
expectType<Slab>(Slab.openOrCreate('/frames', { sizes: [64], count: [8] }));
expectType<Slab>(Slab.create('/frames', { sizes: [64], count: 8, memory: { numaNode: 0 } }));
expectType<Slab>(Slab.open('/frames', { memory: { lock: true, hugePages: 'advise' } }));
expectError(Slab.open('/frames', { memory: { numaNode: 0 } }));
expectType<void>(between.bind(0));
expectType<void>(between.lock());
expectError(between.bind('0'));
expectError(Slab.create('/frames'));
expectError(Slab.create('/frames', { sizes: [64], maxCount: 8 }));
expectError(Slab.open('/frames', { sizes: [64] }));
expectType<boolean>(Slab.unlink('/frames'));
expectType<{ name: string }[]>(Slab.list());
expectType<SlabParticipant[]>(between.participants());
expectType<SlabRecovered[]>(between.recover());
expectType<string>(between.name);
expectType<number | null>(between.fd);
expectType<SlabHandle>(mine.handle());
expectType<Slab>(Slab.attach(mine.handle(), { safety: 'checked' }));
expectError(Slab.attach(mine.handle(), { sizes: [64] }));
expectError(Slab.attach(5));
expectType<SlabStats>(mine.stats());
expectType<number>(mine.stats().pools[0]?.peak ?? 0);
expectError(mine.sizes.push(5));
expectType<void>(mine.close({ force: true }));
expectType<Slab>(slab);
expectNotAssignable<SlabHandle>({ id: 5 });

// Admission
declare const ofBudget: Budget;
const admit = admission({ budget: ofBudget, key: (req) => req.url ?? '', wait: { timeoutMs: 5 } });
expectType<Admission>(admit);
expectAssignable<AdmissionHandle>(admit);
expectError(admission());
expectError(admission({ key: () => '' }));
expectError(admission({ budget: ofBudget, key: () => 1 }));
expectError(admission({ budget: ofBudget, wait: 5000 }));
expectAssignable<AdmissionOptions>({
  budget: ofBudget,
  factor: undefined,
  maxKeys: 5,
  wait: false,
});
expectAssignable<AdmissionWait>({});
expectType<AdmissionStats>(admit.stats());
expectType<number>(admit.stats().refused[429]);
expectType<string | undefined>(admit.stats().lastRefusal);
expectType<void>(admit.attach({}));

// Budgets
const whole = new Budget({ name: 'server', maxBytes: 1 << 30 });
const tenant = new Budget({ maxBytes: 1 << 20, parent: whole, reserve: 1 << 10, name: undefined });
expectError(new Budget());
expectError(new Budget({ name: 'without a limit' }));
expectError(new Budget({ maxBytes: '1' }));
expectError(new Budget({ maxBytes: 1, parent: {} }));
expectAssignable<BudgetOptions>({ maxBytes: 1, parent: undefined });
expectType<Budget>(new Budget({ maxBytes: 'auto', share: 4 }));
expectError(new Budget({ maxBytes: 'all' }));
expectType<BudgetAuto | null>(tenant.stats().auto);
expectType<Charge | null>(tenant.tryCharge(10));
expectType<Charge>(tenant.charge(10));
expectType<Promise<Charge>>(tenant.acquire(10));
expectType<Promise<Charge>>(tenant.acquire(10, { signal: AbortSignal.timeout(5), timeoutMs: 5 }));
expectError(tenant.acquire(10, { timeout: 5 }));
expectAssignable<BudgetAcquireOptions>({ signal: undefined });
declare const charge: Charge;
expectType<number>(charge.bytes);
expectType<void>(charge.grow(5));
expectType<boolean>(charge.tryGrow(5));
expectType<void>(charge.shrink(5));
expectType<void>(charge.release());
expectAssignable<Disposable>(charge);
expectType<() => void>(tenant.onPressure((pressure) => expectType<BudgetPressure>(pressure)));
expectError(tenant.onPressure());
expectType<Arena>(new Arena({ budget: tenant }));
expectType<Region>(new Region({ budget: tenant }));
expectType<Slab>(new Slab({ sizes: [8], count: 1, budget: undefined }));
expectError(new Arena({ budget: 5 }));
requestArena({ budget: tenant });
requestArena({ budget: (req) => req.tenant });
expectError(requestArena({ budget: () => 5 }));
expectType<'none' | 'high' | 'critical'>(tenant.stats().pressure.level);
expectType<void>(tenant.resize(5));
expectType<void>(tenant.close());
expectType<BudgetStats>(tenant.stats());
expectType<number>(tenant.used + tenant.available + tenant.stats().waiting);
expectType<Budget | undefined>(tenant.parent);
expectType<string>(tenant.name);

// Regions
const region = new Region({ maxBytes: 2 ** 30, chunkSize: 2 ** 22, collectWhenIdle: false });
expectType<Region>(new Region());
expectType<Region>(new Region({ autoFree: true, guard: true, name: 'cache' }));
expectAssignable<RegionOptions>({});
expectNotAssignable<RegionOptions>({ maxBytes: '1' });
expectError(new Region({ sizes: [64] }));
expectType<RegionBuffer>(region.alloc(5000));
expectType<RegionBuffer>(region.alloc(5000, 'text', 'utf8'));
expectType<RegionBuffer>(region.allocUnsafe(5000));
expectType<RegionBuffer | null>(region.tryAlloc(5000, 1));
expectType<RegionBuffer | null>(region.tryAllocUnsafe(5000));
expectAssignable<Buffer>(region.alloc(1));
expectType<void>(region.free(region.tryAlloc(1)));
expectError(region.free('text'));
expectType<boolean>(region.owns(undefined));
expectType<RegionCollected>(region.collect());
expectType<RegionStats>(region.stats());
expectType<number>(region.stats().fragmentation);
expectType<void>(region.close({ force: true }));
expectError(region.close({ forced: true }));
expectAssignable<Disposable>(region);

expectType<void>(collectMetrics(promClient));
expectType<void>(collectMetrics(promClient, { register: new promClient.Registry(), prefix: 'a_' }));
expectError(collectMetrics({}));
expectError(collectMetrics(promClient, { labels: { zone: 1 } }));
expectType<string>(metricsText({ openMetrics: true, labels: { zone: 'a' } }));
expectType<string>(metricsContentType({ openMetrics: 'text/plain' }));
expectType<() => void>(observeMetrics(metrics.getMeter('a')));
expectError(observeMetrics({}));
