;; What a core module gets for wasi_snapshot_preview1: a machine without files, arguments and
;; environment, whose clock stands still and whose random bytes are always the same. Nothing is
;; imported but the module's memory, so that the component imports no WASI and every run of a flow
;; is a function of its journal. Functions that a module does not use are left out of its component.
;;
;; wasi.wasm is this file assembled; a test holds the two together.
(module
  (import "env" "memory" (memory 0))

  ;; 0: none of them.
  (func $none (param $count i32) (param $size i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $size) (i32.const 0))
    (i32.const 0))
  (func $nothing-to-get (param i32 i32) (result i32) (i32.const 0))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (export "args_get" (func $nothing-to-get))
  (export "environ_get" (func $nothing-to-get))

  ;; One second after 1970: Go refuses to start at 0.
  (func (export "clock_time_get") (param i32 i64) (param $time i32) (result i32)
    (i64.store (local.get $time) (i64.const 1000000000))
    (i32.const 0))
  (func (export "clock_res_get") (param i32) (param $resolution i32) (result i32)
    (i64.store (local.get $resolution) (i64.const 1000000000))
    (i32.const 0))

  ;; xorshift32 from the same seed each time. vireo:flow/clock has numbers that nobody can guess.
  (func (export "random_get") (param $at i32) (param $length i32) (result i32)
    (local $x i32)
    (local.set $x (i32.const 0x92d68ca2))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
        (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
        (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
        (i32.store8 (local.get $at) (local.get $x))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; What is written goes nowhere, all of it.
  (func (export "fd_write") (param i32) (param $vectors i32) (param $count i32) (param $written i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $vectors))))
        (local.set $vectors (i32.add (local.get $vectors) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))
  (func (export "proc_exit") (param i32) unreachable)

  ;; 8 (badf): there is no such file. 52 (nosys): there is no such function.
  (func $badf-1 (param i32) (result i32) (i32.const 8))
  (func $badf-2 (param i32 i32) (result i32) (i32.const 8))
  (func $badf-3 (param i32 i32 i32) (result i32) (i32.const 8))
  (func $badf-4 (param i32 i32 i32 i32) (result i32) (i32.const 8))
  (export "fd_close" (func $badf-1))
  (export "fd_datasync" (func $badf-1))
  (export "fd_sync" (func $badf-1))
  (export "fd_fdstat_get" (func $badf-2))
  (export "fd_fdstat_set_flags" (func $badf-2))
  (export "fd_filestat_get" (func $badf-2))
  (export "fd_prestat_get" (func $badf-2))
  (export "fd_tell" (func $badf-2))
  (export "fd_renumber" (func $badf-2))
  (export "fd_prestat_dir_name" (func $badf-3))
  (export "path_create_directory" (func $badf-3))
  (export "path_remove_directory" (func $badf-3))
  (export "path_unlink_file" (func $badf-3))
  (export "fd_read" (func $badf-4))
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func $offset-io (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (export "fd_pread" (func $offset-io))
  (export "fd_pwrite" (func $offset-io))
  (export "fd_readdir" (func $offset-io))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func $path-pair (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (export "path_readlink" (func $path-pair))
  (export "path_rename" (func $path-pair))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "poll_oneoff") (param i32 i32 i32 i32) (result i32) (i32.const 52))
  (func (export "proc_raise") (param i32) (result i32) (i32.const 52))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8)))
