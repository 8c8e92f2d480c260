"""GLSL that every surface shares: noise, soft shadows, the light of a place, the tone curve.

Ambient light comes from six sides (McTaggart, "Half-Life 2 / Valve Source Shading", 2004, the ambient cube);
skin lets red light wrap further around than blue (Green, "Real-Time Approximations to Subsurface Scattering",
GPU Gems, 2004, section 16.2).
"""

LIGHT = """
#version 330
uniform vec3 eye; uniform vec3 light; uniform vec3 key; uniform vec3 cube[6]; uniform float softness;
uniform mat4 light_vp; uniform sampler2D shadow_map;
float hash(vec3 p){ p=fract(p*vec3(443.897,441.423,437.195)); p+=dot(p,p.yzx+19.19);
  return fract((p.x+p.y)*p.z); }
float noise(vec3 p){ vec3 i=floor(p), f=fract(p); f=f*f*(3.0-2.0*f);
  return mix(mix(mix(hash(i),hash(i+vec3(1,0,0)),f.x),mix(hash(i+vec3(0,1,0)),hash(i+vec3(1,1,0)),f.x),f.y),
             mix(mix(hash(i+vec3(0,0,1)),hash(i+vec3(1,0,1)),f.x),
                 mix(hash(i+vec3(0,1,1)),hash(i+vec3(1,1,1)),f.x),f.y),f.z); }
const vec2 TAPS[4]=vec2[](vec2(0.90,0.15),vec2(-0.15,0.62),vec2(-0.75,-0.30),vec2(0.22,-0.42));
float lit(vec3 p, vec3 n){
  vec4 q=light_vp*vec4(p+n*0.05,1.0); vec3 s=q.xyz*0.5+0.5;
  float a=hash(vec3(gl_FragCoord.xy,1.0))*6.283; mat2 turn=mat2(cos(a),sin(a),-sin(a),cos(a));
  float reach=0.004+0.022*softness, sum=0.0;
  for(int i=0;i<4;i++){ float d=texture(shadow_map,s.xy+turn*TAPS[i]*reach).r;
    sum+=smoothstep(0.012+0.02*softness,0.001,s.z-d); }
  return mix(0.10,1.0,sum/4.0); }
vec3 ambient(vec3 n){ vec3 w=n*n;
  return w.x*(n.x>0.0?cube[0]:cube[1])+w.y*(n.y>0.0?cube[2]:cube[3])+w.z*(n.z>0.0?cube[4]:cube[5]); }
vec3 shade(vec3 albedo, vec3 n, vec3 p, float wrap, vec3 bleed, float gloss, float power){
  vec3 v=normalize(eye-p); float nl=dot(n,light), nv=max(dot(n,v),0.0), s=lit(p,n);
  vec3 w=vec3(wrap)+bleed; vec3 diffuse=clamp((vec3(nl)+w)/(1.0+w),0.0,1.0); diffuse*=diffuse*0.4+0.6;
  vec3 h=normalize(light+v); float nh=max(dot(n,h),0.0);
  float edge=pow(1.0-nv,5.0), spec=gloss*(pow(nh,power)+0.5*pow(nh,power*4.0))*(0.6+2.0*edge)*s*max(nl+0.1,0.0);
  vec3 mirror=ambient(reflect(-v,n))*(gloss*0.25+0.10*edge);
  return albedo*(key*diffuse*mix(vec3(s),vec3(1.0),bleed*0.25*s)+ambient(n))+key*spec+mirror; }
vec3 tone(vec3 c){ c=max(c,0.0); c=c*(1.0+c*0.12)/(1.0+c*0.55)*1.28;
  return pow(clamp(c,0.0,1.0),vec3(1.0/2.2)); }
"""
